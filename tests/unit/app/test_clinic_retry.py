"""Tests of the retries, without waiting for one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from clinic.retry import Backoff, retrying


class Attempts:
    """Work that fails so often, on a clock that only its pauses and its work move."""

    def __init__(self, failures: int, *, lasting: float = 0.0) -> None:
        self.made = 0
        self.pauses: list[float] = []
        self.now = 0.0
        self._failures, self._lasting = failures, lasting

    async def work(self) -> str:
        self.made += 1
        self.now += self._lasting
        if self.made <= self._failures:
            raise ConnectionError(f"attempt {self.made}")
        return "done"

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def run(
        self, *, attempts: int = 3, deadline: float = 10.0, may_retry: Callable[[Exception], bool] = lambda _: True
    ) -> str:
        return asyncio.run(
            retrying(
                self.work,
                may_retry=may_retry,
                backoff=Backoff(base=0.1, cap=0.3, attempts=attempts),
                deadline=deadline,
                clock=lambda: self.now,
                sleep=self.sleep,
                uniform=lambda _, high: high,
            )
        )


def test_ceilings_double_up_to_the_cap() -> None:
    backoff = Backoff(base=0.02, cap=0.2)
    assert [backoff.ceiling(attempt) for attempt in range(1, 7)] == pytest.approx([0.02, 0.04, 0.08, 0.16, 0.2, 0.2])
    assert backoff.ceiling(5000) == 0.2


def test_a_pause_is_drawn_from_the_whole_range() -> None:
    asked: list[tuple[float, float]] = []

    def uniform(low: float, high: float) -> float:
        asked.append((low, high))
        return low

    assert Backoff(base=0.02, cap=0.2).pause(3, uniform) == 0.0
    assert asked == [(0.0, 0.08)]


def test_what_fails_twice_works_the_third_time() -> None:
    attempts = Attempts(2)
    assert attempts.run() == "done"
    assert attempts.pauses == pytest.approx([0.1, 0.2])


def test_the_last_error_is_raised_when_the_attempts_are_used_up() -> None:
    attempts = Attempts(9)
    with pytest.raises(ConnectionError, match="attempt 3"):
        attempts.run()
    assert attempts.made == 3


def test_what_may_not_be_retried_is_not() -> None:
    attempts = Attempts(1)
    with pytest.raises(ConnectionError, match="attempt 1"):
        attempts.run(may_retry=lambda _: False)
    assert attempts.pauses == []


def test_no_attempt_starts_after_the_deadline() -> None:
    attempts = Attempts(9, lasting=0.4)
    with pytest.raises(ConnectionError):
        attempts.run(attempts=99, deadline=1.0)
    assert attempts.made == 2
    assert attempts.now < 1.0


def test_each_pause_is_told_with_the_attempt_before_it() -> None:
    attempts = Attempts(2)
    told: list[tuple[int, float]] = []
    asyncio.run(
        retrying(
            attempts.work,
            may_retry=lambda _: True,
            backoff=Backoff(base=0.1, cap=0.3, attempts=3),
            deadline=10.0,
            clock=lambda: attempts.now,
            sleep=attempts.sleep,
            uniform=lambda _, high: high,
            tell=lambda attempt, pause: told.append((attempt, pause)),
        )
    )
    assert told == [(1, 0.1), (2, 0.2)]
