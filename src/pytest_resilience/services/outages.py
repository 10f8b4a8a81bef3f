"""Outages: the faults of a service that take it down or make it hang.

Each one checks its effect before it says that it is in force, and is healed when the service is *ready* again, not when
it has merely been started.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from pytest_resilience.errors import FaultDidNotBite, WaitTimeout
from pytest_resilience.faults.fault import Breakage, fault
from pytest_resilience.services.readiness import refuses
from pytest_resilience.services.tended import AT_ONCE, Tended
from pytest_resilience.timeline import Receipt
from pytest_resilience.waiting import wait_until

STOP = 10.0


class Outages(Tended):
    """A service that can be taken down and brought back."""

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

    def crash(self) -> int:
        """Crash it, check that it is gone, and leave it down; return how many processes it had.

        For faults that bring it back in a way of their own; `killed()` is what a test wants.

        :raises ServiceStateError: it is not running.
        :raises FaultDidNotBite: it still runs, or somebody else answers at its port.
        """
        self._absent("killed", optional=False)
        before = self._unit.pids
        self._unit.kill()
        self._must_be_gone("killed")
        return len(before)

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

    def _thaw(self) -> None:
        if self._frozen and self.running:
            self._unit.resume()
        self._frozen = False
