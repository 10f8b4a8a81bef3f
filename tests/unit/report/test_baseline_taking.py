"""The figures of a test: which there are, what they are called, and what is said where there are none."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from pytest_resilience.measure.regression import ENOUGH, Figure
from pytest_resilience.measure.samples import Sample, Samples
from pytest_resilience.report.baseline.book import Book, PastRun
from pytest_resilience.report.baseline.machine import machine
from pytest_resilience.report.baseline.review import Review, review
from pytest_resilience.report.baseline.taking import take
from pytest_resilience.report.story import Story
from pytest_resilience.timeline import Episode, Receipt


@dataclass
class FakeRun:
    """A run that is over: a hundred calls a second, of 10 ms each where nothing else is said."""

    title: str = "GET /, rate 100"
    seconds: float = 4.0
    began: float = 1000.0
    names: Iterable[str] = ("GET /",)
    unsent: int = 0
    entered: bool = True
    said: str = "no errors"
    examples: dict[str, str] = field(default_factory=dict)

    @property
    def elapsed(self) -> float:
        return self.seconds

    @property
    def samples(self) -> Samples:
        names = list(self.names)
        times = [(self.began + number / 100, number) for number in range(round(self.seconds * 100))]
        rows = [
            Sample(at, at, at + 0.01, 200 if number % 50 else 500, None if number % 50 else "status 500",
                   names[number % len(names)], None)
            for at, number in times
        ]  # fmt: skip
        return Samples(rows, unsent=[self.began + 1] * self.unsent)


def story(*runs: FakeRun) -> Story:
    one = Story()
    one.runs = runs
    return one


def test_a_run_has_its_quantiles_errors_and_goodput() -> None:
    taken = take(story(FakeRun())).figures
    assert list(taken) == [f"GET /, rate 100: {name}" for name in ("p50", "p95", "p99", "errors", "goodput")]
    p99, errors, goodput = (taken[f"GET /, rate 100: {name}"] for name in ("p99", "errors", "goodput"))
    assert p99.kind == "latency" and math.isclose(p99.value, 0.01, rel_tol=1e-6)
    assert errors.value == 0.02 and errors.low is not None and errors.high is not None
    assert errors.low < 0.02 < errors.high
    assert 95 < goodput.value < 99


def test_a_run_that_is_too_short_for_a_quantile_has_none() -> None:
    assert "GET /, rate 100: p99" not in take(story(FakeRun(seconds=0.9))).figures


def test_each_of_several_operations_counts_for_itself() -> None:
    names = set(take(story(FakeRun(names=("GET /", "POST /")))).figures)
    assert {"GET /, rate 100, POST /: p95", "GET /, rate 100, GET /: errors", "GET /, rate 100: p99"} <= names


def test_two_runs_of_the_same_are_numbered() -> None:
    names = take(story(FakeRun(), FakeRun(began=2000.0))).figures
    assert "GET /, rate 100 (no. 2): p50" in names


def test_what_was_before_a_fault_counts_for_itself() -> None:
    one = story(FakeRun())
    one.timeline.episodes.append(Episode("redis.killed", 1002.0, Receipt(processes=1), 1003.0))
    assert "GET /, rate 100, before any fault: p50" in take(one).figures


def test_a_fault_of_another_time_does_not_cut_a_run() -> None:
    one = story(FakeRun())
    one.timeline.episodes.append(Episode("redis.killed", 2002.0, Receipt(processes=1), 2003.0))
    assert not any("before" in name for name in take(one).figures)


def test_a_run_that_never_began_has_nothing() -> None:
    assert not take(story(FakeRun(entered=False))).figures


def test_what_the_generator_limited_is_no_figure_and_is_said() -> None:
    taken = take(story(FakeRun(unsent=300)))
    assert not taken.figures
    assert "the generator was the limit" in taken.untold["GET /, rate 100"]


def test_recovery_is_of_an_episode_and_the_last_time_it_was_asked_counts() -> None:
    one, outage, other = story(), *(Episode("redis.killed", at, Receipt(processes=1), at + 1) for at in (1.0, 9.0))
    for episode, took in ((outage, 1.0), (outage, 2.0), (other, 3.0)):
        one.timeline.measure("recovery from redis.killed", "recovery", took, about=episode)
    assert {name: figure.value for name, figure in take(one).figures.items()} == {
        "recovery from redis.killed": 2.0, "recovery from redis.killed (no. 2)": 3.0,
    }  # fmt: skip


def test_the_steps_of_a_search_are_none_of_their_own() -> None:
    since = time.monotonic()
    one = story(FakeRun(began=since), FakeRun("GET /b, rate 100", began=since - 60))
    one.timeline.measure("breaking point", "capacity", 400.0, bounds=(400.0, 420.0), since=since)
    names = take(one).figures
    assert names["breaking point"] == Figure("capacity", 400.0, 400.0, 420.0)
    assert {name.split(":")[0] for name in names} == {"breaking point", "GET /b, rate 100"}


def test_a_search_that_the_generator_limited_has_no_figure_and_says_so() -> None:
    one = story()
    one.timeline.measure("breaking point", "capacity", math.nan, since=0.0)
    taken = take(one)
    assert (taken.figures, taken.untold) == ({}, {"breaking point": "the generator was the limit"})


def test_the_machine_is_told_in_a_line() -> None:
    count, _, model = machine().partition(" × ")
    assert int(count) >= 1
    assert model


# Reviews


def told(*runs: tuple[str, dict[str, float]]) -> Book:
    book = Book()
    for number, (where, figures) in enumerate(runs):
        latencies = {name: Figure("latency", value, value, value) for name, value in figures.items()}
        book.add("test_a", "process, quick", PastRun(f"day {number}", where, 1, latencies))
    return book


def reviewed(
    book: Book, *, scenario: str = "test_a", conditions: str = "process, quick", where: str = "here"
) -> Review:
    taken = take(story(FakeRun()))
    return review(book, scenario, conditions, taken, PastRun("now", where, 1, taken.figures))


P50 = "GET /, rate 100: p50"


def test_a_regression_is_found_and_travels_as_text() -> None:
    found = reviewed(told(*[("here", {P50: 0.004})] * ENOUGH))
    assert [row.name for row in found.regressed] == [P50]
    assert str(found).startswith("1 regressed, 4 cannot be told")
    assert Review.from_text(found.to_text()).rows == found.rows
    assert Review.from_text(found.to_text()).run.figures.keys() == found.run.figures.keys()


def test_a_scenario_that_is_new_is_said_to_be() -> None:
    assert str(reviewed(Book())) == "5 figures of process, quick, the first"
    other = reviewed(told(("here", {P50: 0.01})), conditions="docker, quick")
    assert (
        str(other) == "5 figures of docker, quick, the first; what is there is of process, quick, which is not compared"
    )


def test_while_runs_are_collected_nothing_is_claimed() -> None:
    found = reviewed(told(("here", {P50: 0.004}), ("here", {P50: 0.004})))
    assert {row.outcome for row in found.rows} == {"inconclusive"}
    assert str(found) == "collecting, 2 of 5 earlier runs: nothing is claimed"
    assert not found.doubts()


def test_a_figure_that_is_missing_is_said_to_be() -> None:
    found = reviewed(told(*[("here", {P50: 0.01, "gone: p50": 0.01})] * ENOUGH))
    assert "gone: p50 was there in 5 earlier runs, and is not in this one" in [str(row) for row in found.rows]
    assert len(found.doubts(most=2)) == 3
    assert found.doubts(most=2)[-1] == "and 3 more"


def test_another_machine_is_said_to_be_one() -> None:
    there = [("there", {P50: 0.01})] * ENOUGH
    assert "this machine is another one: here; earlier runs were on there" in str(reviewed(told(*there)))
    assert "machine" not in str(reviewed(told(*there, ("here", {P50: 0.01}))))
