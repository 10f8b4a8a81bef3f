"""SLO: what a service promises: latency quantiles, error ratios, a rate, what it uses, and how it recovers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from pytest_resilience import timeline
from pytest_resilience.errors import NoSamples, UsageError
from pytest_resilience.measure import figures, judge, trial
from pytest_resilience.measure.machine import crowding
from pytest_resilience.measure.samples import Samples
from pytest_resilience.measure.verdict import Finding, Outcome, Verdict, worst
from pytest_resilience.measure.words import seconds

if TYPE_CHECKING:
    from pytest_resilience.measure.usage import Readings
    from pytest_resilience.timeline import Episode

__all__ = ["SLO", "Verdict"]

_RATIOS = ("error_rate", "error_rate_4xx", "error_rate_5xx")


@dataclass(frozen=True, kw_only=True, repr=False)
class SLO:
    """A service-level objective: every part that is given has to hold.

    >>> SLO(p99=0.250, error_rate=0.01)
    SLO(p99=0.25, error_rate=0.01)

    :param p50: the most seconds that the median may take, from when a request was due; likewise `p75` to `p999`.
    :param error_rate: the largest share that may fail, 0 to 1; 0 allows none in the window.
    :param error_rate_4xx: the largest share that may fail with a status of 400 to 499; likewise `error_rate_5xx`.
    :param rate: how many have to succeed per second, at least.
    :param cpu: the most cores that the service may use on average: 0.7 is 70 % of one.
    :param memory: the most bytes of memory that it may hold at any time.
    :param recovery: the most seconds from the heal of a fault until all the rest holds again.
    :param confidence: how sure a verdict has to be, for each part; None judges what was measured as if it were exact.
    :raises UsageError: the parts cannot be meant.
    """

    p50: float | None = None
    p75: float | None = None
    p90: float | None = None
    p95: float | None = None
    p99: float | None = None
    p999: float | None = None
    error_rate: float | None = None
    error_rate_4xx: float | None = None
    error_rate_5xx: float | None = None
    rate: float | None = None
    cpu: float | None = None
    memory: float | None = None
    recovery: float | None = None
    confidence: float | None = 0.95

    def __post_init__(self) -> None:
        given = self.limits
        if not given:
            names = ", ".join(field.name for field in fields(self) if field.name != "confidence")
            raise UsageError(f"SLO() promises nothing: give at least one of {names}")
        for name, value in given.items():
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 0:
                raise UsageError(f"SLO({name}={value!r}): a limit is a number that is not negative")
            if value == 0 and name not in (*_RATIOS, "recovery"):
                raise UsageError(f"SLO({name}=0): nothing takes no time, and a rate of 0 promises nothing")
            if value > 1 and name in _RATIOS:
                raise UsageError(f"SLO({name}={value}): a ratio is 0 to 1; one per cent is 0.01")
        if self.recovery is not None and not self.serves:
            raise UsageError(f"SLO(recovery={self.recovery:g}) does not say what has to hold again: give a latency too")
        if self.confidence is not None and not 0.5 <= self.confidence < 1:
            raise UsageError(f"SLO(confidence={self.confidence}): a confidence is from 0.5 to below 1, such as 0.95")
        ordered = list(self.latencies.items())
        for (low, shorter), (high, longer) in pairwise(ordered):
            if shorter > longer:
                names = f"{figures.quantile_name(low)} of {shorter} s is above {figures.quantile_name(high)}"
                raise UsageError(f"SLO: {names} of {longer} s, which cannot be")

    @property
    def limits(self) -> dict[str, float]:
        """What is promised, by name."""
        names = [field.name for field in fields(self) if field.name != "confidence"]
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}

    @property
    def latencies(self) -> dict[float, float]:
        """The latency limits in seconds by quantile, in ascending order."""
        limits = {0.50: self.p50, 0.75: self.p75, 0.90: self.p90, 0.95: self.p95, 0.99: self.p99, 0.999: self.p999}
        return {q: float(limit) for q, limit in limits.items() if limit is not None}

    @property
    def ratios(self) -> dict[str, float]:
        """The limits of shares that may fail, by name."""
        return {name: limit for name, limit in self.limits.items() if name in _RATIOS}

    @property
    def serves(self) -> bool:
        """Whether it promises anything that samples show by themselves."""
        return bool(self.limits.keys() - {"cpu", "memory", "recovery"})

    @property
    def tightest(self) -> float | None:
        """The smallest latency limit in seconds; None where latency is not promised."""
        return min(self.latencies.values(), default=None)

    def met_by(self, samples: Samples, *, usage: Readings | None = None, episode: Episode | None = None) -> Verdict:
        """Judge samples: met, missed or inconclusive.

        Inconclusive, whatever the figures, is what the generator limited; a latency that was missed as timed from
        when requests were due but not as timed from when they were sent; and a latency without a promised
        `error_rate` where more failed than the quantile leaves out, for a quick refusal is no quick answer.

        :param usage: what the service used meanwhile, for `cpu` and `memory`; see `Meter`.
        :param episode: the fault after which it has to recover, for `recovery`. All other parts are then judged
            on what finished before it was struck.
        :raises NoSamples: the window is empty.
        :raises UsageError: a part is promised whose argument is missing.
        """
        verdict = self._claimed(self.judge(samples, usage=usage, episode=episode))
        took = next((finding.value for finding in verdict.findings if finding.objective == "recovery"), None)
        if episode is not None and took is not None:
            note_recovery(timeline.current(), episode, replace(self, recovery=None), took)
        return verdict

    def judge(self, samples: Samples, *, usage: Readings | None = None, episode: Episode | None = None) -> Verdict:
        """Do as `met_by` does, for those who only look: nothing is noted on the timeline of the test."""
        if self.recovery is not None:
            return self._recovered(samples, usage, episode)
        if usage is None and (self.cpu is not None or self.memory is not None):
            raise UsageError(f"{self!r}: say what the service used: met_by(samples, usage=...), see Meter(app.usage)")
        limited = samples.saturation(tightest=self.tightest)
        if limited:
            reason = Finding("load", Outcome.INCONCLUSIVE, f"the generator was the limit: {limited}")
            return Verdict((reason,), samples.label, crowding(samples.busy))
        if not len(samples):
            raise NoSamples(
                f"{samples.where}: there are no samples, so {self!r} is neither met nor missed; hold the load there "
                "(run.hold) for longer, or raise its rate"
            )
        findings = [*trial.latencies(self, samples), *trial.errors(self, samples)]
        if self.rate is not None:
            findings.append(judge.rate(samples.succeeded, samples.duration, self.rate))
        findings += trial.usage(self, usage, samples.span)
        return Verdict(tuple(findings), samples.label, crowding(samples.busy))

    def always_met_by(
        self, samples: Samples, *, window: float = 10.0, step: float | None = None, usage: Readings | None = None
    ) -> Verdict:
        """Judge every stretch of `window` seconds for itself, and return the verdict of the worst.

        A long run as a whole can meet what its worst minute missed. Each window has to hold the samples that a
        verdict takes; see `met_by`, whose errors it raises.

        :param step: the seconds from the beginning of a window to the next; a quarter of `window` by default.
        :raises NoSamples: load did not go on for as long as a window, or there was none in one.
        """
        slo = replace(self, recovery=None) if self.recovery is not None else self
        return self._claimed(worst([slo.judge(one, usage=usage) for one in samples.sliding(window, step=step)]))

    def _claimed(self, verdict: Verdict) -> Verdict:
        timeline.current().claim(repr(self), verdict.outcome.value, str(verdict), self.limits)
        return verdict

    def _recovered(self, samples: Samples, usage: Readings | None, episode: Episode | None) -> Verdict:
        from pytest_resilience.measure.recovery import recovery

        if episode is None or self.recovery is None:
            raise UsageError(f"{self!r}: say after which fault: met_by(samples, episode=outage)")
        rest = replace(self, recovery=None)
        first = rest.judge(samples.before(episode), usage=usage)
        after = samples.after(episode)
        limited = after.saturation(tightest=self.tightest)
        if limited:
            found = judge.at_most("recovery", None, self.recovery, seconds, f"the generator was the limit: {limited}")
        else:
            took = recovery(samples, episode, to=replace(rest, cpu=None, memory=None))
            found = judge.at_most("recovery", took, self.recovery, seconds, f"after {episode.name}")
        return Verdict((*first.findings, found), first.window, first.remark or crowding(after.busy))

    def __repr__(self) -> str:
        parts = [f"{name}={value:g}" for name, value in self.limits.items()]
        if self.confidence != 0.95:
            parts.append(f"confidence={self.confidence}")
        return f"SLO({', '.join(parts)})"


def note_recovery(line: timeline.Timeline, episode: Episode, to: SLO, took: float) -> None:
    """Note on a timeline how long the recovery from an episode took, in seconds."""
    line.measure(f"recovery from {episode.name} to {to!r}", "recovery", took, about=episode)


Critical = Callable[[Samples], object]
"""A critical threshold that is no SLO: called with the samples so far, it returns something true, such as a reason,
when load has to end."""
