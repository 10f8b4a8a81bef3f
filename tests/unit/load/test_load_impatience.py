"""Those who lose patience leave for good: their calls are cancelled, and count apart from failures."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from pytest_resilience.errors import SetupFailed, UsageError
from pytest_resilience.janitor import Janitor
from pytest_resilience.load.action import Call, user
from pytest_resilience.load.driver.patience import Patience
from pytest_resilience.load.mix import mix
from pytest_resilience.load.prepare import prepare
from pytest_resilience.load.profile import steady
from pytest_resilience.load.request import Get
from pytest_resilience.load.websocket import WebSocket

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Server

SHORT = steady(100, lasting=0.3)


class Clock:
    """An alarm and the clock that it goes by."""

    now = 0.0
    wanted: float | None = None

    def __call__(self) -> float:
        return self.now

    def alarm(self, ring: Callable[[], None]) -> Clock:
        self.ring = ring
        return self

    def set(self, when: float) -> None:
        self.wanted = when

    def close(self) -> None:
        self.wanted = None

    def run(self) -> Iterator[float]:
        while self.wanted is not None:
            self.now, self.wanted = self.wanted, None
            yield self.now
            self.ring()


def left(seed: str) -> list[tuple[int, float]]:
    """Return who left when, of a hundred who came at once."""
    clock, gone = Clock(), []
    patience: Patience[int] = Patience(
        (0.1, 0.3), lambda item: gone.append((item, clock.now)), seed=seed, make_alarm=clock.alarm, clock=clock
    )
    for item in range(100):
        patience.watch(item, 0.0)
    for _ in clock.run():
        pass
    return gone


def test_patience_is_spread_evenly_between_its_bounds_and_drawn_from_the_seed() -> None:
    times = [when for _, when in left("a")]
    assert len(times) == 100
    assert times == sorted(times)
    assert 0.1 <= times[0] < 0.12 and 0.28 < times[-1] <= 0.3
    assert 0.17 < times[50] < 0.23
    assert left("a") == left("a") != left("b")


def test_a_request_is_cancelled_and_its_connection_closed(server: Server, load_janitor: Janitor) -> None:
    with prepare(Get(f"{server.url}/hang"), launcher=load_janitor, rate=SHORT, impatience=(0.05, 0.15)) as run:
        run.finish()
    assert (run.samples.impatient, run.samples.errors) == (30, {})
    assert "and left" in run.examples["impatient"]
    waits = sorted(run.samples.latencies)
    assert waits[0] >= 0.05
    assert waits[-1] - waits[0] > 0.05
    assert (run.unsent, run.in_flight) == (0, 0)


def test_the_connections_of_those_who_leave_are_closed(server: Server, load_janitor: Janitor) -> None:
    service = psutil.Process(server.pid)
    idle = service.num_fds()
    with prepare(Get(f"{server.url}/hang"), launcher=load_janitor, rate=200, impatience=(0.02, 0.05)) as run:
        run.hold(0.6)
        open_now = service.num_fds() - idle
    assert len(run.samples) > 80
    assert open_now < 40


def test_those_who_are_answered_in_time_know_nothing_of_it(server: Server, load_janitor: Janitor) -> None:
    with prepare(Get(f"{server.url}/ok"), launcher=load_janitor, rate=SHORT, impatience=(3, 4)) as run:
        run.finish()
    assert (len(run.samples), run.samples.errors) == (30, {})


def test_an_async_function_is_cancelled_where_it_waits(load_janitor: Janitor, tmp_path: Path) -> None:
    place = str(tmp_path)

    async def book(call: Call) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            Path(place, str(call.index)).touch()
            raise

    with prepare(book, launcher=load_janitor, rate=SHORT, impatience=(0.02, 0.1)) as run:
        run.finish()
    assert (run.samples.impatient, run.samples.errors) == (30, {})
    assert len(list(tmp_path.iterdir())) == 30


def test_users_who_leave_call_again_at_once(server: Server, load_janitor: Janitor) -> None:
    with prepare(Get(f"{server.url}/hang"), launcher=load_janitor, users=1, impatience=(0.02, 0.02)) as run:
        run.hold(0.4)
    assert len(run.samples) > 6  # with the pause after a failure there would be three


def plain() -> None:
    """Do nothing."""


@pytest.mark.parametrize(
    ("what", "impatience", "message"),
    [
        (plain, (0.1, 0.2), "make plain async"),
        (mix((1, Get("http://127.0.0.1/")), (1, plain)), (0.1, 0.2), "make plain async"),
        (Get("http://127.0.0.1/"), (0, 0.2), "between zero and the deadline"),
        (Get("http://127.0.0.1/"), (0.3, 0.2), "expected \\(low, high\\)"),
        (Get("http://127.0.0.1/"), 0.2, "expected \\(low, high\\)"),
        (Get("http://127.0.0.1/"), (1, 20), "the deadline, 10 s"),
        (WebSocket("ws://127.0.0.1/"), (1, 2), "impatience"),
    ],
)
def test_impatience_that_cannot_be_meant_is_refused(
    load_janitor: Janitor, what: Get, impatience: tuple[float, float], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        prepare(what, launcher=load_janitor, users=1, impatience=impatience)


def test_a_user_that_yields_a_plain_function_is_told_in_the_driver(load_janitor: Janitor) -> None:
    @user
    def blocking() -> Iterator[object]:
        yield plain

    run = prepare(blocking, launcher=load_janitor, rate=1, impatience=(0.1, 0.2))
    with pytest.raises(SetupFailed, match="make plain async"), run:
        raise AssertionError("the run has begun")
