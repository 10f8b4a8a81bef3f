"""A tape: samples, with the strain of the driver and what was never sent, and a stretch of time."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterable

from pytest_resilience.measure.sample import Strain
from pytest_resilience.measure.sides import Side
from pytest_resilience.measure.store import Store
from pytest_resilience.measure.view import View


class Tape:
    """What was recorded of a run, or cut from it for a window.

    :ivar label: the window in words; empty for a run.
    """

    __slots__ = ("_origin", "_span", "_strain", "_unsent", "_view", "label")

    def __init__(self, view: Callable[[], View]) -> None:
        """Hold what `view` returns, which for a run is more every time."""
        self._view = view
        self.label = ""
        self._strain: list[Strain] = []
        self._unsent = array("d")
        self._span: tuple[float, float] | None = None
        self._origin: float | None = None

    @classmethod
    def of(cls, store: Store) -> Tape:
        """Return the tape of a run."""
        return cls(lambda: store.view)

    def note(self, strain: Iterable[Strain], unsent: Iterable[float]) -> None:
        """Record how the driver was doing and what it never sent, from one writing thread."""
        self._strain.extend(strain)
        self._unsent.extend(unsent)

    @property
    def view(self) -> View:
        """The samples, as they are now."""
        return self._view()

    @property
    def strain(self) -> list[Strain]:
        """A copy of the strain records."""
        return self._strain[:]

    @property
    def unsent(self) -> array[float]:
        """A copy of the times at which those arrivals were due that were never sent."""
        return self._unsent[:]

    @property
    def origin(self) -> float:
        """When the run began of which this is the whole or a part."""
        return self.span[0] if self._origin is None else self._origin

    @property
    def span(self) -> tuple[float, float]:
        """When it begins and ends; see `Samples.span`."""
        if self._span is not None:
            return self._span
        span, unsent = self.view.span, self._unsent[:]
        if span is None:
            return (min(unsent), max(unsent)) if unsent else (0.0, 0.0)
        return (min([span[0], *unsent]), max([span[1], *unsent]))

    def cut(self, side: Side, label: str, lower: float, upper: float) -> Tape:
        """Return what is within `side`, and whatever else happened from `lower` to below `upper`."""
        return self.part(self.view.cut(side), label, lower, upper)

    def named(self, number: int, label: str) -> Tape:
        """Return what has one name."""
        return self.part(self.view.named(number), label, -math.inf, math.inf)

    def part(self, view: View, label: str, lower: float, upper: float) -> Tape:
        """Return the tape of a part of the view, and of whatever else happened from `lower` to below `upper`."""
        start, end = self.span
        part = Tape(lambda: view)
        part.label = f"{self.label}, {label}" if self.label else label
        part._origin = start if self._origin is None else self._origin
        part._span = (min(max(start, lower), end), max(start, min(end, upper)))
        part._strain = [record for record in self.strain if lower <= record.at < upper]
        part._unsent = array("d", [due for due in self.unsent if lower <= due < upper])
        return part
