"""A toxic at work on a clock that the test turns: every moment is exact."""

from __future__ import annotations

import heapq

from pytest_resilience.links.server.chain import Entry
from pytest_resilience.links.server.clock import Alarm
from pytest_resilience.links.server.stub import Stub
from pytest_resilience.links.server.toxics import KINDS
from pytest_resilience.links.server.toxics.toxic import Chunk, Signal


class TurnedClock:
    """A clock that stands still until it is turned."""

    def __init__(self) -> None:
        self.time = 1000.0
        self._alarms: list[tuple[float, int, Alarm]] = []

    def now(self) -> float:
        return self.time

    def at(self, when, callback):
        alarm = Alarm(when, callback)
        heapq.heappush(self._alarms, (when, len(self._alarms), alarm))
        return alarm

    def turn(self, seconds: float) -> None:
        end = self.time + seconds + 1e-9
        while self._alarms and self._alarms[0][0] <= end:
            when, _, alarm = heapq.heappop(self._alarms)
            self.time = max(self.time, when)
            if alarm.callback:
                alarm.callback()
        self.time = end - 1e-9


class Bench:
    """A toxic at work on one connection, and what leaves it when."""

    def __init__(self, kind: str, *, toxicity: float = 1.0, connection: int = 1, **attributes: int) -> None:
        self.clock = TurnedClock()
        toxic = KINDS[kind]()
        for name, value in attributes.items():
            setattr(toxic, name, value)
        self.toxic = toxic
        self.entry = Entry(kind, "downstream", toxicity, toxic, seed="7/proxy/toxic")
        self.left: list[tuple[int, object]] = []  # ms since the start, what left
        self.stub = Stub(self.entry, connection, self.clock, lambda: None)
        self.stub.onward = self._leaves
        self.stub.start()

    def _leaves(self, item) -> None:
        what = item.data if isinstance(item, Chunk) else item
        self.left.append((round((self.clock.time - 1000) * 1000), what))

    def send(self, *chunks: bytes) -> None:
        for chunk in chunks:
            self.stub.receive(Chunk(chunk, self.clock.time))

    def end(self) -> None:
        self.stub.receive(Signal.END)

    @property
    def data(self) -> bytes:
        return b"".join(what for _, what in self.left if isinstance(what, bytes))
