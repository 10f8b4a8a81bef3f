"""The clock of a process: its own by way of libfaketime, which is loaded into its program and handed on."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Callable, Sequence

from pytest_resilience.errors import Unsupported
from pytest_resilience.janitor import Janitor, Promise, RemoveFaketime
from pytest_resilience.services.faketime import ENABLING, MACHINES, find_library, must_have_loaded, preloading
from pytest_resilience.services.sleep_library import NAME as SLEEP_NAME
from pytest_resilience.services.sleep_library import sleep_library


class ProcessClock:
    """What gives the processes of a unit a clock of their own.

    :ivar in_front: what stands before the command; nothing for the host's clock.

    :param name: of the unit, for messages.
    """

    def __init__(self, name: str, janitor: Janitor) -> None:
        self.in_front: tuple[str, ...] = ()
        self._name = name
        self._janitor = janitor
        self._litter: Promise | None = None

    def set(self, ahead: float, *, besides: str = "") -> None:
        """Be `ahead` seconds ahead of the host's clock from the next start on; 0: have none of its own.

        :param besides: what is in LD_PRELOAD anyhow.
        :raises Unsupported: libfaketime is not installed, or does not go with this machine.
        """
        if not ahead:
            self.in_front = ()
            return
        library, sleep = find_library(), sleep_library()
        if library is None:
            raise Unsupported(f"{self._name}: a clock of its own needs libfaketime, which is not here: {ENABLING}")
        if sleep is None:
            raise Unsupported(f"{self._name}: {MACHINES}, and this is {platform.machine()}")
        beside = self._janitor.directory / SLEEP_NAME
        if not beside.exists():
            beside.write_bytes(sleep)
        self.in_front = preloading([beside, library], ahead, besides=besides)

    def read(self, pids: Callable[[], Sequence[int]]) -> float:
        """Return the Unix seconds that date(1) reads from it.

        :param pids: returns the processes of the unit.
        :raises Unsupported: one of them does not read it.
        """
        if self.in_front:
            must_have_loaded(self._name, pids)
        command = [*self.in_front, "date", "+%s.%N"]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=10, check=True)
        return float(done.stdout)

    def expect_litter(self, pid: int) -> None:
        """Promise that what the library keeps for the process will be removed; called before its program runs."""
        if self.in_front:
            self._litter = self._janitor.promise(RemoveFaketime(pid))

    def sweep(self) -> None:
        """Remove that, now that the process has ended."""
        litter, self._litter = self._litter, None
        if litter is not None:
            litter.undo.undo()
            litter.kept()

    def __repr__(self) -> str:
        return f"<ProcessClock of {self._name}: {' '.join(self.in_front) or 'the clock of this host'}>"
