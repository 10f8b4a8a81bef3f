"""A run: load in progress, beside the test.

::

    with load(Get(f"{app.url}/slots"), rate=200) as run:
        run.hold(3)
        with redis_server.killed() as outage:
            run.hold(5)
        run.hold(5)
    assert run.during(outage).error_rate < 0.01

The load begins when the `with` is entered and its driver is ready, and goes on until it is left,
whatever the test does meanwhile. Then no more arrivals come, and what is in flight is waited for,
at most until its deadline. A window that is taken inside the `with` holds what has been answered
by then (50 ms may be missing, and what is in flight is); after it, everything is there.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING

from pytest_resilience.errors import NoSamples, ResilienceError, ThresholdCrossed, UsageError
from pytest_resilience.faults.offload import offload
from pytest_resilience.load.crew import Crew
from pytest_resilience.load.driver.wire import Job
from pytest_resilience.load.process import Launcher
from pytest_resilience.load.profile import check_hold
from pytest_resilience.load.recovering import Recovering
from pytest_resilience.measure.line import line

if TYPE_CHECKING:
    from pytest_resilience.load.guard import Guard
    from pytest_resilience.load.watcher import Watcher
    from pytest_resilience.measure.samples import Samples
    from pytest_resilience.measure.slo import SLO
    from pytest_resilience.timeline import Episode, Timeline

LOOK = 0.02  # seconds between two looks for bad news in an async hold


class Run(Recovering):
    """Load in progress, under `with` or `async with`; used once.

    :ivar guard: looks for the threshold at which it has to end.
    :ivar watcher: is told when it begins and ends.
    :ivar stopped: which threshold that was; None while none was crossed.
    """

    def __init__(self, label: str, jobs: Sequence[Job], *, launcher: Launcher, line: Timeline) -> None:
        self._label, self._job, self._launcher, self._line = label, jobs[0], launcher, line
        self._crew = Crew(label, jobs)
        self._begin: float | None = None
        self._ended: float | None = None
        self._until: float | None = None  # when the hold that goes on ends
        self.watcher: Watcher | None = None
        self.guard: Guard | None = None
        self.stopped: str | None = None

    # Its life

    def __enter__(self) -> Run:
        if self._crew.drivers:
            raise UsageError(f"{self!r} was entered before: a run is used once; call load(...) again")
        try:
            self.samples.keep_near(lambda: self._line.episodes)
            self._begin = self._crew.start(self._launcher)
        except BaseException:
            self._crew.retire(at_once=True)
            raise
        self._line.mark(f"load began: {self.title}")
        if self.watcher is not None:
            self.watcher.began(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.abandon()
            return
        self._end()
        if not len(self.samples):
            raise NoSamples(
                f"{self.title}: not one call was made in {self.elapsed:.2f} s, so nothing was shown; "
                "hold the load (run.hold) for longer, or raise it"
            )

    def hold(self, seconds: float) -> None:
        """Let the load go on for `seconds`.

        :raises DriverDied: at once when a driver dies, or loses samples.
        :raises SetupFailed: at once when a user's generator fails.
        :raises ThresholdCrossed: the threshold of `stop_when=` was crossed.
        :raises HostInDanger: a hog has brought the host to a critical threshold.
        """
        self._require_running("hold")
        self._wait(time.monotonic() + check_hold(seconds))

    def finish(self) -> None:
        """Wait until the profile is over and everything in flight is answered; raises as `hold` does."""
        self._wait(self._end_of_profile())
        self._end()

    def abandon(self) -> None:
        """Stop without waiting for what is in flight; the test has failed already, and its news is the better."""
        if self._ended is not None:
            return
        try:
            self._crew.abandon()
        except ResilienceError as trouble:
            self._line.mark(f"load broke: {trouble}")
        finally:
            self._retire(at_once=True)

    async def __aenter__(self) -> Run:
        try:
            return await offload(self.__enter__)
        except asyncio.CancelledError:
            if self._begin is not None:
                await offload(self.abandon)
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await offload(lambda: self.__exit__(kind, error, trace))

    async def ahold(self, seconds: float) -> None:
        """Do as `hold` does, and let the event loop go on."""
        self._require_running("ahold")
        await self._await(time.monotonic() + check_hold(seconds))

    async def afinish(self) -> None:
        """Do as `finish` does, and let the event loop go on."""
        await self._await(self._end_of_profile())
        await offload(self._end)

    def _wait(self, until: float) -> None:
        self._until = until
        while self.guard is not None and self.guard.due < until:
            self._crew.wait(self.guard.due)
            self._must_go_on()
            self._stop_at(self.guard.look(self.samples))
        self._crew.wait(until, unless=lambda: self._line.broken_off is not None)
        self._must_go_on()

    def _must_go_on(self) -> None:
        if self._line.broken_off is not None:
            raise self._line.broken_off

    def _stop_at(self, crossed: str | None) -> None:
        self.stopped = crossed
        if crossed is not None:
            raise ThresholdCrossed(
                f"{self.title}: ended after {self.elapsed:.1f} s, at a critical threshold: {crossed}"
            )

    async def _await(self, until: float) -> None:
        self._until = until
        while (left := until - time.monotonic()) > 0:
            self._crew.check()
            self._must_go_on()
            if self.guard is not None:
                self._stop_at(self.guard.look(self.samples))
            await asyncio.sleep(min(LOOK, left))
        self._crew.check()

    def _end_of_profile(self) -> float:
        begin, profile = self._require_running("finish"), self._job.profile
        if math.isinf(profile.total):
            raise UsageError(f"finish: {profile!r} never ends: hold it, or give it an end (lasting=, total=)")
        return begin + profile.total

    # What it has seen

    @property
    def samples(self) -> Samples:
        """Everything that has been answered so far; it grows while the run goes on."""
        return self._crew.samples

    def recovery(self, episode: Episode, *, to: SLO) -> float:
        """Return the seconds from the heal until every later window meets `to`; inf if that never was."""
        return self._note_recovery(self._line, episode, to, super().recovery(episode, to=to))

    @property
    def in_flight(self) -> int:
        """How many calls had begun and not finished when the drivers last reported."""
        return self._crew.in_flight

    @property
    def unsent(self) -> int:
        """How many arrivals were due and never sent; complete once the run has ended."""
        return len(self._crew.samples.unsent)

    @property
    def examples(self) -> dict[str, str]:
        """The first message of each category of failure."""
        return self._crew.examples

    @property
    def began(self) -> float:
        """When the first arrival was due, in monotonic seconds."""
        if self._begin is None:
            raise UsageError(f"{self!r} has not begun: enter it first")
        return self._begin

    @property
    def entered(self) -> bool:
        """Whether it has begun."""
        return self._begin is not None

    @property
    def going(self) -> bool:
        """Whether it has begun and not ended."""
        return self._begin is not None and self._ended is None

    @property
    def pids(self) -> tuple[int, ...]:
        """The process ids of its drivers; empty before it was entered."""
        return tuple(driver.pid for driver in self._crew.drivers)

    @property
    def elapsed(self) -> float:
        """The seconds since it began, or that it took; 0 before."""
        if self._begin is None:
            return 0.0
        return max(0.0, (time.monotonic() if self._ended is None else self._ended) - self._begin)

    @property
    def title(self) -> str:
        """What is driven, and how hard."""
        job = self._job
        return f"{self._label}, {'users' if job.closed else 'rate'} {job.profile.text}"

    @property
    def label(self) -> str:
        """What it does, such as "GET /slots"."""
        return self._label

    @property
    def users(self) -> float | None:
        """How many users its profile wants at this moment; None where it has a rate."""
        return self.users_at(self.elapsed)

    def users_at(self, elapsed: float) -> float | None:
        """How many users its profile wants `elapsed` seconds after it began; None where it has a rate."""
        return self._job.profile.at(elapsed) if self._job.closed else None

    @property
    def left(self) -> float | None:
        """The seconds until the hold or the profile ends, whichever is first; None where neither does."""
        now = time.monotonic()
        ends = (self._until, self.began + self._job.profile.total)
        return min((end - now for end in ends if end is not None and now < end < math.inf), default=None)

    # How it is done

    def _require_running(self, verb: str) -> float:
        if self._begin is None or self._ended is not None:
            state = "has not begun" if self._begin is None else "is over"
            raise UsageError(f"{verb}: {self!r} {state}: use it inside `with load(...) as run:`")
        return self._begin

    def _end(self) -> None:
        """Stop, wait for what is in flight, and close the accounts."""
        if self._begin is None or self._ended is not None:
            return
        at_once = True
        try:
            self._crew.finish(min(time.monotonic(), self._begin + self._job.profile.total))
            at_once = False
        finally:
            self._retire(at_once=at_once)
        self._crew.check()
        if self.guard is not None:
            self._stop_at(self.guard.look_back(self.samples))

    def _retire(self, *, at_once: bool) -> None:
        self._ended = time.monotonic()
        if self.watcher is not None:
            self.watcher.ended(self)
        self._line.mark(f"load ended: {self.title}, {len(self.samples)} samples")
        self._crew.retire(at_once=at_once)

    @property
    def said(self) -> str:
        """What came of it, in one line."""
        if self._begin is None:
            return "not begun"
        return f"{line(self.samples)}, {'running for' if self.going else 'ended after'} {self.elapsed:.1f} s"

    def __repr__(self) -> str:
        return f"<Run {self.title}: {self.said}>"
