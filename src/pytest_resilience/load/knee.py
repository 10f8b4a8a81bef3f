"""A knee: what a search for a breaking point found, as an interval."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_resilience.errors import DriverSaturated
from pytest_resilience.measure.words import cores, per_second, size

if TYPE_CHECKING:
    from pytest_resilience.measure.slo import SLO
    from pytest_resilience.measure.usage import Readings
    from pytest_resilience.measure.verdict import Verdict


@dataclass(frozen=True)
class Step:
    """One rate that was driven."""

    rate: float
    """Arrivals per second."""
    verdict: Verdict
    samples: int
    """How many it was judged by."""
    usage: Readings | None = None
    """What the service used meanwhile, where that was asked for."""

    @property
    def limited(self) -> bool:
        """Whether the generator was the limit."""
        return any(finding.objective == "load" for finding in self.verdict.findings)

    def __str__(self) -> str:
        return f"{per_second(self.rate)} {self.verdict}"


@dataclass(frozen=True, repr=False)
class Knee:
    """Where a service breaks: between `sustained` and `broke_at`.

    :ivar steps: every step in the order in which it was driven.
    :ivar slo: what they were held against.
    """

    steps: tuple[Step, ...]
    slo: SLO

    @property
    def sustained(self) -> float:
        """The highest rate per second at which the objective was met; 0 where the lowest step missed it.

        :raises DriverSaturated: the generator was the limit above it, so that the service may sustain more, and
            no number can be given.
        """
        if self.limited_at is not None:
            raise DriverSaturated(
                f"{self!r}: give the driver a core of its own or more processes (drivers=), or search below (top=)"
            )
        return self._met

    @property
    def broke_at(self) -> float | None:
        """The lowest rate per second at which the objective was certainly missed; None where no step missed it."""
        step = self._breaking
        return None if step is None else step.rate

    @property
    def broke(self) -> Verdict | None:
        """By what it was missed there."""
        step = self._breaking
        return None if step is None else step.verdict

    @property
    def usage(self) -> Readings | None:
        """What the service used where it broke, or at the highest step that it met."""
        step = self._breaking or next((step for step in self._last if step.rate == self._met), None)
        return None if step is None else step.usage

    @property
    def limited_at(self) -> float | None:
        """The lowest rate at which the generator was the limit, if nothing between it and the sustained one broke."""
        above = [step for step in self._last if step.rate > self._met]
        lowest = min(above, key=lambda step: step.rate, default=None)
        return lowest.rate if lowest is not None and lowest.limited else None

    @property
    def _last(self) -> list[Step]:
        """The step of each rate that counts: the last."""
        return list({step.rate: step for step in self.steps}.values())

    @property
    def _met(self) -> float:
        refused = [step.rate for step in self._last if not step.verdict.met]
        return max(
            (step.rate for step in self._last if step.verdict.met and step.rate < min(refused, default=math.inf)),
            default=0.0,
        )

    @property
    def _breaking(self) -> Step | None:
        missed = [step for step in self._last if step.verdict.missed]
        return min(missed, key=lambda step: step.rate, default=None)

    def __repr__(self) -> str:
        count = len(self.steps)
        if self.limited_at is not None:
            found = f"the generator was the limit at {per_second(self.limited_at)}; met at {per_second(self._met)}"
        elif self._breaking is not None:
            found = f"sustained {per_second(self._met)}, broke at {self._breaking}"
        elif self._last and all(step.verdict.met for step in self._last):
            found = f"sustained {per_second(self._met)}, the top, and did not break"
        else:
            unclear = min((step for step in self._last if not step.verdict.met), key=lambda step: step.rate)
            found = f"sustained {per_second(self._met)}, not told at {unclear}"
        return f"<Knee {found}{self._used}; {count} step{'s' * (count != 1)}>"

    @property
    def _used(self) -> str:
        known = self.usage
        if known is None or not known.readings:
            return ""
        span = known.readings[0].at, known.readings[-1].at
        cpu = known.cpu(*span)
        memory = max(reading.memory for reading in known.readings)
        return f"; the service used {'' if cpu is None else f'{cores(cpu)} and '}{size(memory)}"
