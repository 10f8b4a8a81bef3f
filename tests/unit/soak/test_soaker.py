"""The soaker: rounds that fill the time, go on after an interruption, and are told as one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pytest_resilience import Episode, FaultDidNotBite, Receipt, Samples, Soaker, Timeline, UsageError, fault
from pytest_resilience.faults.fault import Breakage
from pytest_resilience.measure.sample import Sample
from pytest_resilience.soak.logbook import Identity


@dataclass
class Used:
    cpu_seconds: float = 1.0
    rss: int = 50_000_000
    descriptors: int | None = 20
    threads: int | None = 4
    processes: int = 1


class App:
    name = "app"

    def usage(self) -> Used:
        return Used()


@dataclass
class Fake:
    """A run of ten calls a second, in which no time passes."""

    during: Callable[[Fake], None] = lambda _: None
    samples: Samples = field(default_factory=Samples)
    examples: dict[str, str] = field(default_factory=dict)
    pids: tuple[int, ...] = (1,)
    began: float = 0.0

    def __enter__(self) -> Fake:
        self.began = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def hold(self, seconds: float) -> None:
        dues = [self.began + number / 10 for number in range(round(seconds * 10))]
        self.samples.extend(Sample(due, due, due + 0.01, 200, None, "GET /") for due in dues)
        self.during(self)


@dataclass
class Bench:
    """A soaker over fakes, and what it did."""

    folder: Path
    duration: float = 5.0
    line: Timeline = field(default_factory=Timeline)
    runs: list[Fake] = field(default_factory=list)
    forgotten: list[object] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    told: list[object] = field(default_factory=list)
    soakers: list[Soaker] = field(default_factory=list)

    def soaker(self) -> Soaker:
        self.soakers.append(Soaker(
            Identity("test_it", 7, self.duration), folder=lambda: self.folder, forget=self.forgotten.append,
            usage=lambda _: Used(), line=self.line, note=self.notes.append, tell=self.told.append,
        ))  # fmt: skip
        return self.soakers[-1]

    def drive(self, during: Callable[[Fake], None] = lambda _: None) -> Callable[[], Fake]:
        def made() -> Fake:
            self.runs.append(Fake(during))
            return self.runs[-1]

        return made


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    for one in made.soakers:
        one.close()


@pytest.mark.parametrize(
    ("duration", "checkpoint", "lengths"),
    [(5, 2, [2, 2, 1]), (5, 2.4, [2.4, 2.6]), (2, 2, [2]), (1, 2, [1]), (6, 2, [2, 2, 2]), (24, None, [10, 14])],
)
def test_rounds_fill_the_time(bench: Bench, duration: float, checkpoint: float | None, lengths: list[float]) -> None:
    bench.duration = duration
    found = bench.soaker()(bench.drive(), App(), checkpoint=checkpoint)
    assert [len(run.samples) for run in bench.runs] == [round(10 * length) for length in lengths]
    assert bench.forgotten == bench.runs
    assert (found.duration, found.rounds, found.gaps) == (pytest.approx(duration), len(lengths), ())
    assert (len(found.calm), len(found.struck)) == (10 * duration, 0)
    assert bench.notes == [f"test_it: {found!r}"]
    assert bench.told == [found]


def test_what_met_a_fault_is_apart_and_so_is_what_came_soon_after(bench: Bench) -> None:
    def struck(run: Fake) -> None:
        at = run.began
        bench.line.strike(Episode("redis.killed", at + 1, Receipt(n=1), healed=at + 2))

    found = bench.soaker()(bench.drive(struck), App(), grace=0.55, checkpoint=5)
    assert len(found.struck) == 16  # due from 1 s to 2.5 s; the one at 0.9 s was done before
    assert len(found.calm) == 34
    assert found.strikes == {"redis.killed": 1}


def test_one_that_broke_off_goes_on_and_is_told_as_one(bench: Bench) -> None:
    def dies(_: Fake) -> None:
        if len(bench.runs) == 3:
            raise ConnectionError("the machine went away")

    first = bench.soaker()
    with pytest.raises(ConnectionError):
        first(bench.drive(dies), App(), checkpoint=1)
    first.close()
    second = bench.soaker()
    assert second.segment == 1
    found = second(bench.drive(), App(), checkpoint=1)
    assert len(bench.runs) == 3 + 3
    assert (found.duration, found.rounds, len(found.gaps)) == (5, 5, 1)
    assert repr(found).startswith("<Soak of 5 s in 5 rounds, resumed once, after gaps of ")
    assert len(found.calm) == 50
    second.close()
    third = bench.soaker()
    with pytest.raises(UsageError, match="this soak is over"):
        third(bench.drive(), App())


@fault
def prank(counts: list[int]) -> Breakage:
    """Touches what `counts` says, the next each time."""
    yield Receipt(strikes=counts.pop(0))


def test_faults_that_touched_nothing_in_all_of_the_time_are_no_proof(bench: Bench) -> None:
    with pytest.raises(FaultDidNotBite):
        bench.soaker()(bench.drive(), App(), faults=prank([0]))


def test_faults_that_struck_before_the_interruption_need_not_again(bench: Bench) -> None:
    def dies(_: Fake) -> None:
        if len(bench.runs) == 2:
            raise ConnectionError

    counts = [1, 0]
    first = bench.soaker()
    with pytest.raises(ConnectionError):
        first(bench.drive(dies), App(), faults=prank(counts), checkpoint=2)
    first.close()
    assert bench.soaker()(bench.drive(), App(), faults=prank(counts), checkpoint=2).rounds == 3


def test_what_nobody_read_is_not_passed(bench: Bench) -> None:
    found = bench.soaker()(bench.drive(), App())
    assert found.steady().inconclusive
    assert found.harness_steady().inconclusive


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda soak, drive: soak(drive), "give what is to be watched"),
        (lambda soak, drive: soak(drive, App(), grace=-1), r"soak\(grace=-1\): expected seconds"),
        (lambda soak, drive: soak(drive, App(), checkpoint=0), r"soak\(checkpoint=0\): expected seconds"),
        (lambda soak, drive: soak(drive, print), "cannot be watched"),
        (lambda soak, drive: [soak(drive, App()) for _ in range(2)], "a test has one soak"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    bench: Bench, call: Callable[[Soaker, Callable[[], Fake]], object], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        call(bench.soaker(), bench.drive())
