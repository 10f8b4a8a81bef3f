"""The polling loop waits as long as it has to, never longer than it may, and says why it gave up."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from pytest_resilience import waiting
from pytest_resilience.errors import UsageError, WaitTimeout
from pytest_resilience.waiting import wait_until


@dataclass
class Clock:
    """A clock that only sleeping moves."""

    now: float = 0.0
    pauses: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += max(seconds, 1e-6)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    fake = Clock()
    monkeypatch.setattr(waiting, "time", fake)
    return fake


def test_the_true_value_is_returned(clock: Clock) -> None:
    assert wait_until(lambda: "yes", within=1) == "yes"
    assert clock.pauses == []


def test_it_asks_often_at_first_and_then_every_so_often(clock: Clock) -> None:
    wait_until(lambda: clock.now >= 0.05, within=1, every=0.02)
    assert clock.pauses[:6] == pytest.approx([0.001, 0.002, 0.004, 0.008, 0.016, 0.02])


def test_the_time_out_names_what_was_waited_for(clock: Clock) -> None:
    with pytest.raises(WaitTimeout, match=r"^redis answers: still not so after 0\.5 s$"):
        wait_until(lambda: False, within=0.5, what="redis answers")
    assert clock.now >= 0.5


def test_an_expected_exception_means_not_yet_and_is_the_cause_in_the_end(clock: Clock) -> None:
    def refused() -> bool:
        raise ConnectionRefusedError("nobody there")

    with pytest.raises(WaitTimeout, match="it last raised ConnectionRefusedError") as caught:
        wait_until(refused, within=0.1, on=(OSError,))
    assert isinstance(caught.value.__cause__, ConnectionRefusedError)


def test_any_other_exception_is_passed_on_at_once(clock: Clock) -> None:
    with pytest.raises(ZeroDivisionError):
        wait_until(lambda: 1 // 0 == 1, within=1, on=(OSError,))
    assert clock.pauses == []


def test_it_asks_once_more_after_the_time_is_up(clock: Clock) -> None:
    asked: list[float] = []

    def slow() -> bool:
        clock.now += 10
        asked.append(clock.now)
        return len(asked) == 2

    assert wait_until(slow, within=5)


@pytest.mark.parametrize(("within", "every"), [(-1, 0.1), (1, 0)])
def test_times_that_cannot_be_meant_are_refused(within: float, every: float) -> None:
    with pytest.raises(UsageError, match="positive seconds"):
        wait_until(lambda: True, within=within, every=every)
