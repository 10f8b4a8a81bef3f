"""The grid on which the times of drawn schedules lie: coarse, so that what is found can be read and shrunk."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pytest_resilience.errors import UsageError
from pytest_resilience.faults.menu import Dish
from pytest_resilience.faults.schedule import Strike


@dataclass(frozen=True)
class Grid:
    """How many strikes, and on which times.

    :ivar least: strikes at least, `most` at most.
    :ivar ticks: the length of a schedule, in steps of `step` seconds.
    """

    least: int
    most: int
    ticks: int
    step: float

    @classmethod
    def of(cls, who: str, *, strikes: tuple[int, int], length: float, step: float) -> Grid:
        """Return the grid of such schedules.

        :raises UsageError: an argument cannot be meant; `who` begins the message.
        """
        least, most = strikes
        if not 1 <= least <= most:
            raise UsageError(f"{who}: strikes={strikes!r} must be (from, to), at least one")
        if not 0 < step <= length < math.inf:
            raise UsageError(
                f"{who}: step={step!r} and length={length!r} must be seconds, a step above 0 and no longer"
            )
        return cls(least, most, int(length / step + 1e-9), step)

    def strike(self, dish: Dish, at: int, lasting: int) -> Strike:
        """Return the strike at such ticks, with times as one would write them."""
        return Strike(dish.name, at=self.seconds(at), lasting=self.seconds(lasting), magnitude=dish.magnitude)

    def seconds(self, ticks: int) -> float:
        """Return so many ticks as seconds: 0.3, not 0.30000000000000004."""
        return round(ticks * self.step, 9)

    def at(self, seconds: float) -> int:
        """Return seconds as ticks."""
        return round(seconds / self.step)
