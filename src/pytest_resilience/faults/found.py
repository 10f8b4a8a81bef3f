"""What a search for failing schedules came to, in words and as a test to paste."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_resilience.faults.schedule import Schedule


@dataclass(frozen=True, repr=False)
class Found:
    """What a search came to: true if a schedule was found under which the test fails.

    :ivar schedule: the least one that was found; None if there is none.
    :ivar failure: how the test fails under it: the error, and where it was raised.
    :ivar failed: in how many of `runs` runs under it the test failed like that.
    :ivar passed: in how many runs without faults the test passed; one failing ends the search with an error.
    :ivar tried: schedules under which the test was run and something was touched, before it was found.
    :ivar idle: schedules that touched nothing, which show nothing.
    :ivar took: seconds until it was found, or until the search gave up.
    :ivar first: the schedule that failed first, before it was shrunk.
    :ivar seed: of the search.
    :ivar test: what was searched, by name.
    """

    test: str
    seed: int
    tried: int
    idle: int
    took: float
    passed: int
    schedule: Schedule | None = None
    first: Schedule | None = None
    failure: str = ""
    failed: int = 0
    runs: int = 0

    def __bool__(self) -> bool:
        return self.schedule is not None

    @property
    def counts(self) -> str:
        """`failed 10 of 10, passes without faults 6 of 6`."""
        return f"failed {self.failed} of {self.runs}, passes without faults {self.passed} of {self.passed}"

    @property
    def as_test(self) -> str:
        """The schedule as a test that can be pasted beside what was searched; empty if none was found."""
        if self.schedule is None:
            return ""
        strikes = "".join(f"        {strike!r},\n" for strike in self.schedule.strikes)
        return (
            "from pytest_resilience import Schedule, Strike\n\n\n"
            f"def test_{self.test}_survives():\n"
            f"    # {self.counts}: {self.failure}\n"
            f"    schedule = Schedule(\n{strikes}    )\n"
            f"    {self.test}(schedule)\n"
        )

    def __repr__(self) -> str:
        idle = f", {self.idle} more touched nothing" if self.idle else ""
        if self.schedule is None:
            return f"<Found nothing in {self.tried} schedules{idle}, in {self.took:.1f} s, seed {self.seed}>"
        first = f", shrunk from {len(self.first)}" if self.first is not None else ""
        steady = "" if self.failed else " (it failed once, and not again)"
        plural = "s" * (len(self.schedule) > 1)
        return (
            f"<Found {len(self.schedule)} strike{plural}{first}, after {self.tried} schedules{idle} and "
            f"{self.took:.1f} s, seed {self.seed}: {self.counts}{steady}: {self.failure}>\n\n{self.as_test}"
        )
