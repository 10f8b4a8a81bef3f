"""A service: a running thing that has an address, can be asked whether it is ready, and can be broken.

What it runs as, a process group or a container, is its `Unit`'s affair. Each fault checks its effect before it says
that it is in force, and is healed when the service is *ready* again, not when it has merely been started.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NoReturn

from pytest_resilience.errors import (
    FaultDidNotBite,
    ServiceNotReady,
    ServiceStateError,
    UsageError,
    WaitTimeout,
)
from pytest_resilience.faults.fault import Breakage, fault
from pytest_resilience.services.backend import Unit, Usage
from pytest_resilience.services.readiness import LOOPBACK, Question, Ready, refuses
from pytest_resilience.timeline import Receipt
from pytest_resilience.waiting import wait_until

TAIL = 20  # lines of the log in a message
START = 30.0
STOP = 10.0
# For what the kernel does by itself once a process is gone.
AT_ONCE = 5.0


class Service:
    """A unit that can be reached, waited for and broken.

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
        self._log_mark = len(self._unit.logs())
        self._unit.start()
        self._frozen = False
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

    @fault
    def killed(self, *, optional: bool = False) -> Breakage:
        """Crash it, and start it again at the heal. Receipt: processes killed, seconds down.

        :param optional: leave it alone, without an error, when it is not running.
        """
        yield from self._down("killed", self._unit.kill, optional=optional)

    @fault
    def stopped(self, *, within: float = STOP, optional: bool = False) -> Breakage:
        """Ask it to end, and start it again at the heal. Receipt: processes stopped, how it ended, seconds down.

        :param within: seconds it is given to end by itself before it is killed, which the receipt says.
        :param optional: leave it alone, without an error, when it is not running.
        """
        yield from self._down("stopped", lambda: self._unit.stop(within), optional=optional)

    @fault
    def restarted(self, *, graceful: bool = True, within: float = STOP, optional: bool = False) -> Breakage:
        """Take it down, and bring it up again as another process. Receipt: processes restarted, seconds down.

        It is down from the strike to the heal: `with service.restarted(): pass` for as long as a restart
        takes, which is what a deployment or a supervisor does to it, and a body adds the time it takes.

        :param graceful: ask it to end; False crashes it.
        :param within: seconds it is given to end by itself.
        :param optional: leave it alone, without an error, when it is not running.
        """
        down = (lambda: self._unit.stop(within)) if graceful else self._unit.kill
        yield from self._down("restarted", down, optional=optional)

    @fault
    def paused(self, *, optional: bool = False) -> Breakage:
        """Freeze all of its processes, and let them go on at the heal. Receipt: processes frozen.

        It hangs as under a long garbage collection: the kernel still accepts connections for it, and nobody answers.

        :param optional: leave it alone, without an error, when it is not running.
        """
        if self._absent("paused", optional=optional):
            yield Receipt(optional=True)
            return
        self._frozen = True
        try:
            self._unit.pause()
        except BaseException:
            self._thaw()
            raise
        yield Receipt(optional=optional, processes_frozen=len(self._unit.pids))
        self._thaw()
        self._await_ready("after it was paused")

    def _down(self, wanted: str, take_down: Callable[[], bool | None], *, optional: bool) -> Breakage:
        if self._absent(wanted, optional=optional):
            yield Receipt(optional=True)
            return
        before = self._unit.pids
        by_itself = take_down()
        at = time.monotonic()
        try:
            self._must_be_gone(wanted)
        except BaseException:
            self._bring_back()
            raise
        receipt = Receipt(optional=optional)
        receipt.note(**{f"processes_{wanted}": len(before)})
        if by_itself is not None:
            receipt.note(ended="by itself" if by_itself else "by SIGKILL, as it did not by itself")
        yield receipt
        self._bring_back()
        receipt.note(seconds_down=time.monotonic() - at)

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

    def _must_be_gone(self, wanted: str) -> None:
        port = self._unit.spec.port
        if self.running:
            raise FaultDidNotBite(
                f"{self.name}: was {wanted} and still runs, as {', '.join(map(str, self._unit.pids))}"
            )
        try:
            wait_until(lambda: port is None or refuses(port), within=AT_ONCE, every=0.005)
        except WaitTimeout as error:
            raise FaultDidNotBite(
                f"{self.name}: was {wanted}, and {self.address} still does not refuse connections {AT_ONCE:g} s later: "
                "somebody else listens there; find out who with `ss -ltnp`"
            ) from error

    def _bring_back(self) -> None:
        if not self.running:
            self.start()
        else:  # by another fault, or by the test itself
            self._await_ready("after it was brought back")

    def _thaw(self) -> None:
        if self._frozen and self.running:
            self._unit.resume()
        self._frozen = False

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
        lines = self._logs_of_this_start().splitlines()[-TAIL:]
        log = "".join(f"\n    {line}" for line in lines) if lines else " (nothing)"
        raise ServiceNotReady(f"{self.name}{at}: {what}; the end of its log:{log}") from cause

    def _logs_of_this_start(self) -> str:
        return self._unit.logs()[self._log_mark :]

    def __repr__(self) -> str:
        status = self._unit.exit_status()
        down = "not started" if status is None else f"DOWN, exit status {status}"
        state = ("PAUSED" if self._frozen else "running") if self.running else down
        port = self._unit.spec.port
        return f"<{type(self).__name__} {self.name}: {state}{'' if port is None else f', {self.url}'}>"
