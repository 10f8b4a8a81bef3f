"""Breaker: keeps callers away from a dependency that is failing, and tries it again now and then.

CLOSED lets everything through and opens after `failures` failures in a row, or when `ratio` of the
last `window` calls failed. OPEN refuses at once for `cooldown` seconds. HALF_OPEN lets one call
through as a probe: its success closes the breaker, its failure opens it again.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from clinic.bugs import planted


class State(str, Enum):
    """What the breaker does with a call."""

    CLOSED = "CLOSED"
    OPEN = "OPEN"
    HALF_OPEN = "HALF_OPEN"


class BreakerOpen(Exception):
    """The call was refused without being tried. `retry_after` is in seconds."""

    def __init__(self, name: str, retry_after: float) -> None:
        super().__init__(f"{name}: breaker open, retry after {retry_after:.3f} s")
        self.retry_after = retry_after


@dataclass(frozen=True)
class Transition:
    """One change of state; `at` is Unix time."""

    at: float
    before: State
    after: State
    why: str


class Breaker:
    """A circuit breaker. Not for more than one thread."""

    def __init__(
        self,
        name: str,
        *,
        failures: int = 5,
        ratio: float = 0.5,
        window: int = 20,
        cooldown: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
        tell: Callable[[Breaker, Transition], None] | None = None,
    ) -> None:
        if planted("breaker-never-opens"):
            failures, ratio = 2**31, 2.0
        self.name = name
        self.state = State.CLOSED
        self.history: deque[Transition] = deque(maxlen=100)
        self.since = clock()
        self.failures = 0  # in a row
        self._limit, self._ratio, self._cooldown = failures, ratio, cooldown
        self._recent: deque[bool] = deque(maxlen=window)
        self._clock, self._tell = clock, tell
        self._turn = 0  # counts transitions: what was let through before one says nothing after it
        self._probing = False

    def admit(self) -> Permit:
        """Let a call through, or raise `BreakerOpen`."""
        if self.state is State.OPEN:
            left = self.since + self._cooldown - self._clock()
            if left > 0 or planted("breaker-never-half-opens"):
                raise BreakerOpen(self.name, left)
            self._become(State.HALF_OPEN, f"{self._cooldown:g} s have passed")
        if self.state is State.HALF_OPEN:
            if self._probing:
                raise BreakerOpen(self.name, self._cooldown)
            self._probing = True
        return Permit(self, self._turn)

    def age(self) -> float:
        """Return the seconds since the last transition."""
        return self._clock() - self.since

    def settle(self, turn: int, *, worked: bool | None) -> None:
        """Take in how a call went: it worked, it failed, or (None) it says nothing of the dependency."""
        if turn != self._turn:
            return
        self._probing = False
        if worked is None:
            return
        self._recent.append(worked)
        self.failures = 0 if worked else self.failures + 1
        if self.state is State.HALF_OPEN:
            self._become(*((State.CLOSED, "the probe worked") if worked else (State.OPEN, "the probe failed")))
        elif not worked and self.failures >= self._limit:
            self._become(State.OPEN, f"{self.failures} failures in a row")
        elif not worked and len(self._recent) == self._recent.maxlen and self._failing() >= self._ratio:
            self._become(State.OPEN, f"{self._failing():.0%} of the last {len(self._recent)} calls failed")

    def _failing(self) -> float:
        return self._recent.count(False) / len(self._recent)

    def _become(self, state: State, why: str) -> None:
        transition = Transition(time.time(), self.state, state, why)
        self.state, self.since = state, self._clock()
        self._turn += 1
        self._probing = False
        self.history.append(transition)
        if state is State.CLOSED:
            self._recent.clear()
            self.failures = 0
        if self._tell:
            self._tell(self, transition)


class Permit:
    """Leave to make one call. The first word on how it went counts; the rest is ignored."""

    def __init__(self, breaker: Breaker, turn: int) -> None:
        self._breaker: Breaker | None = breaker
        self._turn = turn

    def worked(self) -> None:
        """Say that the dependency answered."""
        self._settle(worked=True)

    def failed(self) -> None:
        """Say that the dependency did not answer, or not in time."""
        self._settle(worked=False)

    def dropped(self) -> None:
        """Say that the call ended without showing anything: it was cancelled or never made."""
        self._settle(worked=None)

    def _settle(self, *, worked: bool | None) -> None:
        breaker, self._breaker = self._breaker, None
        if breaker:
            breaker.settle(self._turn, worked=worked)
