"""What users saw of a fault: noticed after, over after, and the outcomes of each window."""

from __future__ import annotations

import pytest

from pytest_resilience.measure.sample import Sample
from pytest_resilience.measure.samples import Samples
from pytest_resilience.report.findings import Impact
from pytest_resilience.report.impact import MOST, impacts
from pytest_resilience.timeline import Episode, Receipt

ORIGIN = 100.0


def episode(striking: float, healed: float | None, name: str = "db.killed") -> Episode:
    at = ORIGIN + striking
    healing = None if healed is None else ORIGIN + healed - 0.1
    return Episode(name, at + 0.1, Receipt(n=1), None if healed is None else ORIGIN + healed, at, healing)


def load(*bad: tuple[float, float], seconds: float = 10.0) -> Samples:
    """Ten requests a second, each of 10 ms; those due in `bad` get a 503."""
    samples = Samples()
    for number in range(round(seconds * 10)):
        at = number / 10
        status = 503 if any(start <= at < end for start, end in bad) else 200
        error = "status 503" if status == 503 else None
        samples.append(Sample(ORIGIN + at, ORIGIN + at, ORIGIN + at + 0.01, status, error, "GET /"))
    return samples


def told(samples: Samples, *episodes: Episode) -> list[Impact]:
    return list(impacts(samples, "GET /", episodes, ORIGIN))


def test_it_is_noticed_by_the_first_failure_and_over_with_the_last() -> None:
    (one,) = told(load((2.5, 6.0)), episode(2.05, 5.05))
    assert (one.fault, one.struck, one.drive, one.by) == ("db.killed", pytest.approx(2.05), "GET /", "status 503")
    assert one.noticed == pytest.approx(0.46)
    assert one.over == pytest.approx(0.86)
    assert one.calm == pytest.approx(4.0)
    assert one.before.outcomes == {"200": 21}
    assert one.during.outcomes == {"status 503": 26, "200": 4}
    assert one.after.outcomes == {"200": 40, "status 503": 9}
    assert one.before.p50 == pytest.approx(0.01)
    assert one.before.p99 is None  # of twenty samples


def test_what_ended_before_the_heal_is_over_with_it() -> None:
    (one,) = told(load((2.5, 3.0)), episode(2.0, 5.0))
    assert (one.over, one.calm) == (0.0, pytest.approx(4.91))


def test_a_fault_that_nobody_notices_says_so() -> None:
    (one,) = told(load(), episode(2.0, 5.0))
    assert (one.noticed, one.by, one.over) == (None, "", None)


def test_one_that_goes_on_to_the_end_of_the_load_was_not_calm() -> None:
    (one,) = told(load((2.0, 99)), episode(2.0, 5.0))
    assert one.calm == 0


def test_one_that_is_never_healed_is_never_over() -> None:
    (one,) = told(load((2.0, 99)), episode(2.0, None))
    assert one.noticed is not None
    assert (one.over, one.after.samples) == (None, 0)


def test_after_ends_where_the_next_fault_begins() -> None:
    first, second = told(load((2.0, 3.0), (6.0, 7.0)), episode(2.0, 3.0), episode(6.0, 7.0))
    assert first.after.outcomes == {"200": 30}
    assert first.over == 0.0
    assert second.noticed == pytest.approx(0.01)


def test_the_parts_of_a_whole_are_one_and_many_faults_are_not_looked_at_for_ever() -> None:
    parts = [episode(2.0, 3.0, name) for name in ("a.killed", "b.killed", "together(a.killed, b.killed)")]
    assert [one.fault for one in told(load(), *parts)] == ["together(a.killed, b.killed)"]
    assert len(told(load(), *(episode(1 + n / 10, 1.05 + n / 10, f"f{n}") for n in range(MOST + 9)))) == MOST


def test_a_fault_outside_the_load_and_a_load_of_nothing_have_no_impact() -> None:
    assert not told(load(), episode(20.0, 21.0))
    assert not told(Samples(), episode(2.0, 5.0))


def test_without_a_time_before_only_failures_tell() -> None:
    (one,) = told(load((2.5, 3.0)), episode(-1.0, 5.0))
    assert one.noticed == pytest.approx(3.51)
    assert one.before.samples == 0
