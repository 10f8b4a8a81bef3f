"""Tests of the breaker, with a clock that is set by hand."""

from __future__ import annotations

import pytest
from clinic.breaker import Breaker, BreakerOpen, State


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker("database", failures=3, ratio=0.5, window=10, cooldown=1.0, clock=clock)


def fail(breaker: Breaker, times: int) -> None:
    for _ in range(times):
        breaker.admit().failed()


def states(breaker: Breaker) -> list[str]:
    return [change.after.value for change in breaker.history]


def test_it_opens_after_so_many_failures_in_a_row_and_not_before(breaker: Breaker) -> None:
    fail(breaker, 2)
    breaker.admit().worked()
    fail(breaker, 2)
    assert breaker.state is State.CLOSED
    fail(breaker, 1)
    assert breaker.state is State.OPEN
    assert breaker.history[-1].why == "3 failures in a row"


def test_it_opens_when_half_of_the_last_calls_failed(breaker: Breaker) -> None:
    for _ in range(5):
        breaker.admit().worked()
        assert breaker.state is State.CLOSED
        breaker.admit().failed()
    assert breaker.state is State.OPEN
    assert "50%" in breaker.history[-1].why


def test_open_it_refuses_and_says_for_how_long(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now += 0.25
    with pytest.raises(BreakerOpen) as refused:
        breaker.admit()
    assert refused.value.retry_after == pytest.approx(0.75)
    assert breaker.age() == pytest.approx(0.25)


def test_after_the_cooldown_one_probe_goes_through_and_no_other(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now += 1.0
    probe = breaker.admit()
    assert breaker.state is State.HALF_OPEN
    with pytest.raises(BreakerOpen):
        breaker.admit()
    probe.worked()
    assert states(breaker) == ["OPEN", "HALF_OPEN", "CLOSED"]
    breaker.admit()


def test_a_probe_that_fails_opens_it_for_another_cooldown(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now += 1.0
    breaker.admit().failed()
    assert states(breaker) == ["OPEN", "HALF_OPEN", "OPEN"]
    clock.now += 0.9
    with pytest.raises(BreakerOpen):
        breaker.admit()


def test_a_probe_that_is_dropped_makes_room_for_the_next(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now += 1.0
    breaker.admit().dropped()
    assert breaker.state is State.HALF_OPEN
    breaker.admit().worked()
    assert breaker.state is State.CLOSED


def test_what_was_let_in_before_a_transition_says_nothing_after_it(breaker: Breaker, clock: Clock) -> None:
    late_failure, late_success = breaker.admit(), breaker.admit()
    fail(breaker, 3)
    late_success.worked()
    assert breaker.state is State.OPEN
    clock.now += 1.0
    probe = breaker.admit()
    late_failure.failed()
    assert breaker.state is State.HALF_OPEN
    probe.worked()
    assert breaker.state is State.CLOSED


def test_the_first_word_on_a_call_counts(breaker: Breaker) -> None:
    for _ in range(9):
        permit = breaker.admit()
        permit.worked()
        permit.failed()
        permit.dropped()
    assert (breaker.state, breaker.failures) == (State.CLOSED, 0)


def test_closed_again_it_starts_from_nothing(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now += 1.0
    breaker.admit().worked()
    fail(breaker, 2)
    assert breaker.state is State.CLOSED


def test_each_transition_is_told(clock: Clock) -> None:
    told: list[str] = []
    breaker = Breaker(
        "cache", failures=1, clock=clock, tell=lambda which, change: told.append(f"{which.name} {change.after.value}")
    )
    breaker.admit().failed()
    assert told == ["cache OPEN"]
