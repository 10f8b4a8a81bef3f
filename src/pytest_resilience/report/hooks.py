"""The hooks of pytest by which progress finds its terminal, and keeps out of the way of a debugger."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from pytest_resilience.report.display import Line, Lines, Mode, Outlet, display

if TYPE_CHECKING:
    from pytest_resilience.report.watch import Watch
    from pytest_resilience.timeline import Timeline


class Plugins(Protocol):
    """The plugins of pytest."""

    def hasplugin(self, name: str) -> bool:
        """Tell whether it is there."""


class Config(Protocol):
    """What these hooks ask of pytest's own."""

    pluginmanager: Plugins

    def getini(self, name: str) -> object:
        """Return what the ini file says."""

    def getoption(self, name: str, default: object = ...) -> object:
        """Return what the command line says."""

    def add_cleanup(self, func: Callable[[], None]) -> None:
        """Have `func` called at the very end."""


class Session(Protocol):
    """Likewise."""

    config: Config


class ProgressHooks:
    """Registered as a plugin of pytest.

    :ivar display: where progress is shown; None where it is not.
    """

    def __init__(self, mode: Mode) -> None:
        self._mode: Mode = mode
        self.display: Line | Lines | None = None

    def watch(self, line: Timeline, note: Callable[[str], None]) -> Watch | None:
        """Return what watches the loads of the test that has this timeline; None where nothing is shown."""
        if self.display is None:
            return None
        from pytest_resilience.report.watch import Watch

        return Watch(self.display, line, note=note)

    def pytest_sessionstart(self, session: Session) -> None:
        """Take hold of the terminal, before pytest captures what tests write there.

        Not in an xdist worker, which has none, nor where pytest itself is to write nothing.
        """
        config = session.config
        plugins = config.pluginmanager
        if self._mode == "off" or hasattr(config, "workerinput") or not plugins.hasplugin("terminalreporter"):
            return
        live_log = plugins.hasplugin("logging-plugin") and (
            config.getini("log_cli") or config.getoption("log_cli_level") is not None
        )
        outlet = Outlet(sys.stdout)
        config.add_cleanup(outlet.close)
        alone = config.getoption("capture", "no") in {"fd", "sys"} and not live_log
        self.display = display(self._mode, outlet, alone=alone)

    def pytest_enter_pdb(self) -> None:
        """Show nothing to somebody who is typing."""
        if self.display is not None:
            self.display.hush(hushed=True)

    def pytest_leave_pdb(self) -> None:
        """Go on."""
        if self.display is not None:
            self.display.hush(hushed=False)
