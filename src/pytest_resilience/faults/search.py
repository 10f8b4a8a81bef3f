"""The search for a schedule of faults under which a test fails, for tests that cost seconds.

Schedules are drawn as a swarm (Groce et al., "Swarm Testing", ISSTA 2012): each from a part of the menu that is drawn
anew, so that faults that hide one another are not always there together. What fails is shrunk by delta debugging, with
"the same failure, three times out of three" as the oracle: a failure that comes and goes must not lead it astray.
"""

from __future__ import annotations

import random
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace

from pytest_resilience import timeline
from pytest_resilience.errors import FaultDidNotBite, NotHealed, Unsupported, UsageError
from pytest_resilience.faults.found import Found
from pytest_resilience.faults.grid import Grid
from pytest_resilience.faults.menu import Dish, Menu, dishes
from pytest_resilience.faults.schedule import Schedule, Strike, clashing
from pytest_resilience.faults.shrink import ddmin
from pytest_resilience.timeline import Timeline

Test = Callable[[Schedule], object]
SAME = 3  # times in a row that a failure has to come for the oracle
RUNS = 10  # of the least schedule, to say how often it fails


def search(
    test: Test,
    faults: Menu,
    *,
    seed: int,
    within: float = 60.0,
    strikes: tuple[int, int] = (1, 4),
    length: float = 2.0,
    step: float = 0.1,
) -> Found:
    """Run `test` under schedules drawn from `faults` until it fails, and shrink what it fails under.

    ::

        found = search(check, {"redis": "killed", "database": {"slowed": (0.1, 0.5)}}, within=60, seed=seed)
        assert not found

    First the test has to pass without faults. When it fails under a schedule, that is shrunk, to fewer, then milder and
    shorter strikes, for as long as the same failure comes three times out of three.

    :param test: is given a schedule, plays it (`with schedule.on(redis_server): ...`), and raises when something is
        wrong. It has to begin afresh each time.
    :param faults: as for `fault_schedules`.
    :param within: seconds to search; shrinking may take as long again. At least one schedule is tried.
    :param strikes: how many a schedule has, from and to.
    :param length: seconds that a schedule takes at most.
    :param step: seconds of the grid on which all times lie.
    :param seed: of what is drawn; the fixture `seed` is the test's own.
    :raises FaultDidNotBite: no schedule touched anything, so that the search has shown nothing.
    :raises UsageError: an argument cannot be meant; or the test fails without any fault.
    """
    if within <= 0:
        raise UsageError(f"search: within={within!r} must be seconds above 0")
    choices = dishes("search", faults)
    grid = Grid.of("search", strikes=strikes, length=length, step=step)
    return _Search(test, choices, grid, seed=seed, within=within).run()


class _Search:
    """One search."""

    def __init__(self, test: Test, choices: Sequence[Dish], grid: Grid, *, seed: int, within: float) -> None:
        self._test = test
        self._choices = choices
        self._grid = grid
        self._draw = random.Random(seed)
        self._within = within
        self._until = time.monotonic() + within
        name = getattr(test, "__name__", "check")
        self._found = Found(name if name.isidentifier() else "check", seed, 0, 0, 0.0, 0)

    def run(self) -> Found:
        began = time.monotonic()
        self._passes_alone(SAME)
        tried = idle = 0
        loose: tuple[Schedule, str] | None = None
        while not tried + idle or time.monotonic() < self._until:
            schedule = self._drawn()
            try:
                failure = self._outcome(schedule)
            except FaultDidNotBite:
                idle += 1
                continue
            tried += 1
            if failure is None:
                continue
            took = time.monotonic() - began
            self._found = replace(self._found, tried=tried, idle=idle, took=took)
            if self._fails(schedule, failure):
                return self._shrunk(schedule, failure)
            loose = loose or (schedule, failure)
        self._found = replace(self._found, tried=tried, idle=idle, took=time.monotonic() - began)
        if not tried:
            raise FaultDidNotBite(
                f"search: none of {idle} schedules touched anything, so the search has shown nothing; let the test "
                "drive traffic through the targets for schedule.length seconds"
            )
        return self._found if loose is None else self._told(*loose)

    def _drawn(self) -> Schedule:
        """Return a schedule from a part of the menu that is drawn with it."""
        draw, grid = self._draw, self._grid
        part = [dish for dish in self._choices if draw.random() < 0.5] or [draw.choice(self._choices)]
        while True:
            drawn = []
            for _ in range(draw.randint(grid.least, grid.most)):
                at = draw.randrange(grid.ticks)
                drawn.append(grid.strike(draw.choice(part), at, draw.randint(1, grid.ticks - at)))
            kept = _without_clashes(drawn)
            if len(kept) >= grid.least or len({dish.name for dish in part}) < grid.least:
                return Schedule(*kept)

    def _shrunk(self, schedule: Schedule, failure: str) -> Found:
        """Return the least schedule that fails like that, as far as the time goes."""
        until = time.monotonic() + self._within

        def fails(strikes: Sequence[Strike]) -> bool:
            return time.monotonic() < until and self._fails(Schedule(*strikes), failure)

        least = ddmin(schedule.strikes, fails)
        for number in range(len(least)):
            for simpler in self._simpler(least[number]):
                other = [*least[:number], simpler, *least[number + 1 :]]
                if clashing(tuple(sorted(other, key=lambda strike: strike.at))) is None and fails(other):
                    least = other
                    break
        return self._told(Schedule(*least), failure, first=schedule)

    def _simpler(self, strike: Strike) -> list[Strike]:
        """Return milder and shorter ones, the mildest and shortest first."""
        milder = [dish.magnitude for dish in self._choices if dish.name == strike.fault]
        milder = milder[: milder.index(strike.magnitude) + 1]
        lasting = self._grid.at(strike.lasting)
        shorter = [1 << power for power in range(lasting.bit_length()) if 1 << power < lasting] + [lasting]
        found = [
            replace(strike, magnitude=magnitude, lasting=self._grid.seconds(ticks))
            for magnitude in milder
            for ticks in shorter
        ]
        return [one for one in found if one != strike]

    def _told(self, schedule: Schedule, failure: str, *, first: Schedule | None = None) -> Found:
        """Say how often it fails, and that it passes without faults still."""
        until, failed, runs = time.monotonic() + self._within, 0, 0
        while runs < RUNS and (not runs or time.monotonic() < until):
            failed += self._same(schedule, failure)
            runs += 1
        self._passes_alone(SAME)
        found = replace(self._found, schedule=schedule, first=first, failure=failure, failed=failed, runs=runs)
        timeline.current().mark(f"search: {found!r}")  # whole: pytest cuts short what an assertion says
        return found

    def _passes_alone(self, times: int) -> None:
        for _ in range(times):
            failure = self._outcome(Schedule())
            if failure is not None:
                raise UsageError(
                    f"search: {self._found.test} fails without any fault: {failure}; it has to pass under Schedule(), "
                    "and to begin afresh each time"
                )
        self._found = replace(self._found, passed=self._found.passed + times)

    def _fails(self, schedule: Schedule, failure: str) -> bool:
        return all(self._same(schedule, failure) for _ in range(SAME))

    def _same(self, schedule: Schedule, failure: str) -> bool:
        try:
            return self._outcome(schedule) == failure
        except FaultDidNotBite:
            return False

    def _outcome(self, schedule: Schedule) -> str | None:
        """Run the test on a timeline of its own; return how it failed, None if it passed."""
        line = Timeline()
        before = timeline.set_current(line)
        try:
            self._test(schedule)
        except (FaultDidNotBite, UsageError, Unsupported):
            raise
        except Exception as error:  # noqa: BLE001  (whatever the test raises is its failure, and is told)
            return _told_of(error)
        finally:
            timeline.set_current(before)
            left = [episode.name for episode in line.in_force]
            if left:
                raise NotHealed(f"search: {', '.join(left)}: in force still after {schedule!r}")
        return None


def _without_clashes(strikes: Sequence[Strike]) -> list[Strike]:
    """Return the strikes without those that begin while the same fault is in force."""
    kept: list[Strike] = []
    for strike in sorted(strikes, key=lambda strike: strike.at):
        if clashing((*kept, strike)) is None:
            kept.append(strike)
    return kept


def _told_of(error: Exception) -> str:
    """Say what was raised and where. Not with which values: the same assertion fails with others each time."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {where.filename.rpartition('/')[2]}:{where.lineno}: {where.line}"
