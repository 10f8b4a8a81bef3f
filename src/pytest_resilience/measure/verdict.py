"""Verdict: whether an objective was met, missed, or could not be told, and by which figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum


class Outcome(Enum):
    """What can be said of an objective; only `MET` counts as true."""

    MISSED = "missed"
    INCONCLUSIVE = "inconclusive"
    MET = "met"


@dataclass(frozen=True)
class Finding:
    """What was found of one objective."""

    objective: str
    """Its name: "p99", "error_rate", "rate"; or "load" for what is said of the load itself."""
    outcome: Outcome
    text: str
    """The figures in one line."""
    value: float | None = None
    """What was measured: seconds, a ratio, or a rate per second."""
    limit: float | None = None
    """What was promised, in the same unit."""


@dataclass(frozen=True)
class Verdict:
    """What came of holding samples against an `SLO`; true only if every objective was met.

    One miss makes it missed; without a miss, one objective that could not be told makes it inconclusive.
    """

    findings: tuple[Finding, ...]
    window: str = ""
    remark: str = ""
    """What may explain it, where it was not met: "the processors were 98% busy"."""

    @property
    def outcome(self) -> Outcome:
        """The worst outcome among the findings."""
        outcomes = {finding.outcome for finding in self.findings}
        return next((outcome for outcome in Outcome if outcome in outcomes), Outcome.INCONCLUSIVE)

    @property
    def met(self) -> bool:
        """Whether every objective was met."""
        return self.outcome is Outcome.MET

    @property
    def missed(self) -> bool:
        """Whether an objective was certainly missed."""
        return self.outcome is Outcome.MISSED

    @property
    def inconclusive(self) -> bool:
        """Whether the samples do not show it, one way or the other."""
        return self.outcome is Outcome.INCONCLUSIVE

    def __bool__(self) -> bool:
        return self.met

    def __str__(self) -> str:
        worst_first = list(Outcome)
        ranked = sorted(self.findings, key=lambda finding: worst_first.index(finding.outcome))
        parts = [finding.text for finding in ranked]
        if self.window:
            parts.append(f"window {self.window}")
        if self.remark and not self.met:
            parts.append(self.remark)
        return f"{self.outcome.value}: {'; '.join(parts)}"

    def __repr__(self) -> str:
        return f"<Verdict {self}>"


def worst(verdicts: Sequence[Verdict]) -> Verdict:
    """Return the worst of the verdicts on windows, its window named with how many fared alike.

    Of those with the same outcome that is the one with the figure that is furthest beyond its limit.
    """
    ranked = list(Outcome)

    def badness(verdict: Verdict) -> tuple[int, float]:
        beyond = [one.value / one.limit for one in verdict.findings if one.value is not None and one.limit]
        return -ranked.index(verdict.outcome), max(beyond, default=0.0)

    chosen = max(verdicts, key=badness)
    counts = [f"{sum(one.outcome is kind for one in verdicts)} {kind.value}" for kind in ranked]
    return replace(chosen, window=f"{chosen.window}, the worst of {len(verdicts)}: {', '.join(counts)}")
