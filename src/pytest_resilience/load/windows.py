"""The windows of a run: what it has seen before, during, under and after a fault."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from pytest_resilience.measure.recovery import recovery
from pytest_resilience.measure.slo import note_recovery

if TYPE_CHECKING:
    from pytest_resilience.measure.samples import Samples
    from pytest_resilience.measure.slo import SLO
    from pytest_resilience.timeline import Episode, Timeline


class Windows(ABC):
    """What has samples, from which windows are cut."""

    @property
    @abstractmethod
    def samples(self) -> Samples:
        """Everything that has been answered so far; it grows while the run goes on."""

    def before(self, episode: Episode) -> Samples:
        """Return the window of what finished before the fault was struck."""
        return self.samples.before(episode)

    def during(self, episode: Episode) -> Samples:
        """Return the window of what was in flight or began while the fault was in force."""
        return self.samples.during(episode)

    def under(self, episode: Episode) -> Samples:
        """Return the part of `during` that began once it was struck and finished before its heal began."""
        return self.samples.under(episode)

    def after(self, episode: Episode) -> Samples:
        """Return the window of what began after the fault was healed."""
        return self.samples.after(episode)

    def recovery(self, episode: Episode, *, to: SLO) -> float:
        """Return the seconds from the heal until every later window meets `to`; inf if that never was."""
        return recovery(self.samples, episode, to=to)

    @staticmethod
    def _note_recovery(line: Timeline, episode: Episode, to: SLO, took: float) -> float:
        line.mark(f"recovery from {episode.name} to {to!r}: {took:.2f} s")
        note_recovery(line, episode, to, took)
        return took
