"""A unit that is tended: reached at its address, started and waited for until it is ready, brought back for a test.

What it runs as, a process group or a container, is its `Unit`'s affair.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from textwrap import indent
from typing import NoReturn

from pytest_resilience.errors import ServiceNotReady, ServiceStateError, UsageError, WaitTimeout
from pytest_resilience.services.backend import Unit, Usage
from pytest_resilience.services.readiness import LOOPBACK, Question, Ready
from pytest_resilience.tail import last_lines
from pytest_resilience.waiting import wait_until

TAIL = 20  # lines of the log in a message
START = 30.0
# For what the kernel does by itself once a process is gone.
AT_ONCE = 5.0


class Tended:
    """A unit that can be reached and waited for.

    :param unit: what it runs as; not started yet.
    :param ready: when it is ready; see `readiness`.
    :param scheme: of its `url`.
    :param within: seconds that it may take to become ready, at the start and after each fault.
    """

    def __init__(self, unit: Unit, *, ready: Ready = None, scheme: str = "http", within: float = START) -> None:
        if within <= 0:
            raise UsageError(f"{unit.spec.name}: within={within} must be positive seconds")
        self._unit = unit
        self._scheme = scheme
        self._within = within
        self._log_mark = 0
        self._frozen = False
        # Called before each start, to keep it waiting.
        self._hold: Callable[[], object] | None = None
        self._question = Question(unit.spec.name, ready, port=unit.spec.port, logs=self._logs_of_this_start)

    @property
    def name(self) -> str:
        """How it is called."""
        return self._unit.spec.name

    @property
    def host(self) -> str:
        """127.0.0.1, on every backend."""
        return LOOPBACK

    @property
    def port(self) -> int:
        """The port, the same over every restart.

        :raises UsageError: it listens nowhere.
        """
        port = self._unit.spec.port
        if port is None:
            raise UsageError(f"{self.name}: listens nowhere, so it has no port and no url; give it a port= to have one")
        return port

    @property
    def address(self) -> str:
        """`127.0.0.1:PORT`."""
        return f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """`SCHEME://127.0.0.1:PORT`."""
        return f"{self._scheme}://{self.address}"

    @property
    def running(self) -> bool:
        """Whether its main process exists; a paused one does."""
        return self._unit.running

    def logs(self) -> str:
        """Return what it has written to stdout and stderr, over all restarts."""
        return self._unit.logs()

    def usage(self) -> Usage:
        """Return the processor time, memory, descriptors, threads and processes it uses now.

        :raises ServiceStateError: it is not running.
        """
        return self._unit.usage()

    def start(self) -> None:
        """Start it and return when it is ready.

        :raises ServiceNotReady: it ended, or was not ready in time; it is not running then.
        :raises ServiceStateError: it is running.
        """
        self._launch()
        try:
            self._await_ready("after its start")
        except BaseException:
            self._unit.kill()
            raise

    def ensure_fresh(self) -> None:
        """Bring it to the state a test expects to begin with: running, not paused, ready, and holding nothing.

        A plain service holds nothing that this could know of.

        :raises ServiceNotReady: it cannot be brought there.
        """
        if not self.running:
            self.start()
            return
        self._frozen = False
        try:
            self._unit.resume()  # whether or not it was a fault that froze it: a test may have sent the signal itself
            self._await_ready("before the next test", within=min(self._within, AT_ONCE))
        except (ServiceNotReady, ServiceStateError):  # it hangs, or is about to end
            self._unit.kill()
            self.start()

    def remove(self) -> None:
        """End it and leave nothing of it; its logs can still be read."""
        self._unit.remove()

    def _launch(self) -> None:
        """Start it and return at once, before it is ready."""
        if self._hold is not None:
            self._hold()
        self._log_mark = len(self._unit.logs())
        self._unit.start()
        self._frozen = False

    def _absent(self, wanted: str, *, optional: bool) -> bool:
        if self.running:
            return False
        if optional:
            return True
        status = self._unit.exit_status()
        how = "has not been started" if status is None else f"has ended with exit status {status}"
        raise ServiceStateError(
            f"{self.name}: cannot be {wanted}, it {how}; start() it first, or pass optional=True if this is expected"
        )

    def _bring_back(self) -> None:
        if not self.running:
            self.start()
        else:  # by another fault, or by the test itself
            self._await_ready("after it was brought back")

    def _await_ready(self, since: str, *, within: float | None = None) -> None:
        began = time.monotonic()
        within = self._within if within is None else within

        def state() -> str:
            if not self._unit.running:
                return "ended"
            return "ready" if self._question.ask() else ""

        try:
            # What asking raises (a refused connection, a driver's own error) means "not yet".
            seen = wait_until(state, within=within, every=0.005, on=(Exception,))
        except WaitTimeout as error:
            last = f", and it last raised {error.__cause__!r}" if error.__cause__ else ""
            self._not_ready(f"not ready {within:g} s {since} (waited for {self._question.words}{last})", error)
        if seen == "ended":
            took = time.monotonic() - began
            status = self._unit.exit_status()
            self._not_ready(f"ended with exit status {status} before it was ready, {took:.2g} s {since}", None)

    def _not_ready(self, what: str, cause: Exception | None) -> NoReturn:
        port = self._unit.spec.port
        at = f" at {LOOPBACK}:{port}" if port is not None else ""
        end = last_lines(self._logs_of_this_start(), lines=TAIL)
        log = "\n" + indent(end, "    ") if end else " (nothing)"
        raise ServiceNotReady(f"{self.name}{at}: {what}; the end of its log:{log}") from cause

    def _logs_of_this_start(self) -> str:
        return self._unit.logs()[self._log_mark :]

    def __repr__(self) -> str:
        status = self._unit.exit_status()
        down = "not started" if status is None else f"DOWN, exit status {status}"
        state = ("PAUSED" if self._frozen else "running") if self.running else down
        port = self._unit.spec.port
        return f"<{type(self).__name__} {self.name}: {state}{'' if port is None else f', {self.url}'}>"
