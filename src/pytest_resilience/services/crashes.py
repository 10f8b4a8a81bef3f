"""Crashes: the faults in which a service dies again and again, or at a moment of its own."""

from __future__ import annotations

import math
import re
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack

from pytest_resilience.errors import ServiceStateError, UsageError, WaitTimeout
from pytest_resilience.faults.fault import Breakage, Fault
from pytest_resilience.services.aside import Aside
from pytest_resilience.services.checks import check_seconds
from pytest_resilience.services.moment import Moment, by_condition, by_log, by_requests
from pytest_resilience.services.outages import Outages
from pytest_resilience.timeline import Receipt
from pytest_resilience.waiting import wait_until

# Seconds between two looks: for a moment, and at whether it is ready.
LOOK = 0.001
ASK = 0.005
# Seconds that it is frozen at most to see whether the moment still is.
FROZEN = 0.02


class Crashes(Outages):
    """A service that can crash in ways that need somebody to watch it."""

    def crash_looping(
        self, *, up: float = 0.0, backoff: float = 0.1, longest: float = 1.0, optional: bool = False
    ) -> Fault:
        """Crash it, and again whenever it has come back, as a supervisor sees it that restarts what fails.

        Each time it is killed `up` seconds after it is ready; with 0, as soon as it is. It is down for `backoff`
        seconds after the first crash, and twice as long after each further one, up to `longest`: so do Docker and
        Kubernetes, from 100 ms and 10 s. A crash of its own counts as well. It is brought back at the heal.

        Receipt: crashes, and times ready again, which both grow while it lasts; seconds down.

        :param up: seconds that it lives once it is ready.
        :param backoff: seconds until the first restart; `longest`: until any.
        :param optional: leave it alone, without an error, when it is not running; and it may crash only once.
        :raises UsageError: an argument cannot be meant.
        """
        who = f"{self.name}.crash_looping"
        check_seconds(who, "up", up, least=0.0)
        check_seconds(who, "backoff", backoff, least=LOOK)
        check_seconds(who, "longest", longest, least=backoff)
        return Fault(who, lambda: self._looping(up, backoff, longest, optional=optional))

    def crashed_when(
        self,
        condition: Callable[[], object] | None = None,
        *,
        log: str | re.Pattern[str] | None = None,
        in_flight: int = 0,
        restarting: bool = False,
        optional: bool = False,
    ) -> Fault:
        """Crash it at a moment, which is watched for while the body runs; it is started again at the heal.

        The moment is one of three. It is looked for every millisecond, so the crash comes a little after it: how much
        at most is in the receipt. Until the crash nothing is broken, and the windows of the episode are cut at it.

        Receipt: processes killed, seconds until the moment, seconds late at most, requests in flight, seconds down.

        :param condition: a function returns something true. What it raises is raised at the heal.
        :param log: a line that it writes from the strike on matches this expression.
        :param in_flight: at least so many requests have come in at its port and have not been answered. It is frozen
            for the last look, so that they are in flight when it dies: with fewer, it is let go on, and the watch
            with it. See `in_flight` for what counts as one.
        :param restarting: take it down first, and begin the watch as it comes up: for a moment of its start.
        :param optional: it may not be running, and the moment may not come.
        :raises UsageError: not exactly one moment, or one that cannot be meant.
        """
        who = f"{self.name}.crashed_when"
        given = [condition is not None, log is not None, in_flight != 0]
        if sum(given) != 1:
            raise UsageError(f"{who}: {sum(given)} moments; give one: a condition, log= or in_flight=")
        if condition is not None:
            moment = by_condition(who, condition)
        elif log is not None:
            moment = by_log(who, log, self._unit.logs)
        else:
            moment = by_requests(who, in_flight, self._unit.spec.port)
        return Fault(who, lambda: self._at(moment, restarting=restarting, optional=optional))

    def _looping(self, up: float, backoff: float, longest: float, *, optional: bool) -> Breakage:
        if self._absent("made to crash", optional=optional):
            yield Receipt(optional=True)
            return
        receipt = Receipt(optional=optional, crashes=1, times_ready_again=0)
        down, fell = 0.0, time.monotonic()
        is_down = True

        def loop(over: threading.Event) -> None:
            nonlocal down, fell, is_down
            pause, crashes, again = backoff, 1, 0
            while not over.wait(pause):
                if not self.running:
                    self._launch()
                if self._is_ready_before(over):
                    down, is_down = down + time.monotonic() - fell, False
                    again += 1
                    receipt.note(times_ready_again=again)
                if over.wait(0 if is_down else up):
                    return
                self._unit.kill()
                if not is_down:
                    fell, is_down = time.monotonic(), True
                crashes += 1
                receipt.note(crashes=crashes)
                pause = min(pause * 2, longest)

        with ExitStack() as healing:
            healing.callback(self._bring_back)
            self._unit.kill()
            self._must_be_gone("killed")
            healing.enter_context(Aside(f"{self.name} crash-looping", loop))
            yield receipt
        receipt.note(seconds_down=down + (time.monotonic() - fell if is_down else 0))
        if receipt.counts["crashes"] == 1:
            receipt.counts.clear()
            receipt.missed = "it crashed once, which is no loop: let it last until it has come up again"

    def _at(self, moment: Moment, *, restarting: bool, optional: bool) -> Breakage:
        if self._absent("crashed", optional=optional):
            yield Receipt(optional=True)
            return
        receipt = Receipt(optional=optional)
        receipt.missed = f"its moment never came: {moment.words}"
        with ExitStack() as healing:
            healing.callback(self._bring_back)
            if restarting:
                self._unit.kill()
                self._must_be_gone("killed")
            moment.begin()
            healing.enter_context(Aside(f"{self.name} watched", lambda over: self._watch(moment, receipt, over)))
            if restarting:
                self._launch()
            yield receipt
        if receipt.struck is not None:
            receipt.note(seconds_down=time.monotonic() - receipt.struck[1])

    def _watch(self, moment: Moment, receipt: Receipt, over: threading.Event) -> None:
        began = not_yet = time.monotonic()
        killed = 0
        while not killed and not over.wait(LOOK):
            at = time.monotonic()
            if not moment.look():
                not_yet = at
            elif not self.running:
                receipt.missed = f"its moment came when it was not running: {moment.words}"
            else:
                killed = self._killed_at(moment)
        if killed:
            gone = time.monotonic()
            receipt.struck = (at, gone)
            receipt.note(processes_killed=killed, seconds_until=at - began, seconds_late_at_most=gone - not_yet)
            if moment.requests:
                receipt.note(requests_in_flight=moment.requests)
            self._must_be_gone("killed")

    def _killed_at(self, moment: Moment) -> int:
        """Kill it if the moment still is, and return how many processes that were."""
        if not moment.passes:
            killed = len(self._unit.pids)
            self._unit.kill()
            return killed
        try:
            self._unit.pause()
        except ServiceStateError:  # it has ended, or is too busy to be frozen now; the watch goes on
            return 0
        try:
            # What came in and was answered while it was being frozen cannot be told apart: the next one can.
            wait_until(moment.look, within=FROZEN, every=LOOK)
            killed = len(self._unit.pids)
            self._unit.kill()
        except WaitTimeout:
            return 0
        finally:
            if self.running:
                self._unit.resume()
        return killed

    def _is_ready_before(self, over: threading.Event) -> bool:
        """Return true when it is ready; false when it has ended, or when it is over."""

        def state() -> str:
            if over.is_set() or not self.running:
                return "over"
            return "ready" if self._question.ask() else ""

        # What asking raises means "not yet".
        return wait_until(state, within=math.inf, every=ASK, on=(Exception,)) == "ready"
