"""A trial: the parts of an objective, each held against samples by its judge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_resilience.measure import judge
from pytest_resilience.measure.batches import effect
from pytest_resilience.measure.verdict import Finding, Outcome
from pytest_resilience.measure.words import cores, percent, seconds, size, tally

if TYPE_CHECKING:
    from pytest_resilience.measure.samples import Samples
    from pytest_resilience.measure.slo import SLO
    from pytest_resilience.measure.usage import Readings

CLIENT, SERVER = range(400, 500), range(500, 600)


def latencies(slo: SLO, samples: Samples) -> list[Finding]:
    """Judge each promised latency."""
    if not slo.latencies:
        return []
    view, spread = samples.view, samples.spread()
    findings = []
    for q, limit in slo.latencies.items():
        worth = 1.0 if slo.confidence is None else effect(view, slo.confidence, above=limit)
        finding = judge.latency(spread, q, limit, slo.confidence, worth)
        if samples.impatient and not judge.met_whatever(spread, q, limit, slo.confidence, samples.impatient):
            finding = _unless_given_up(finding, samples)
        findings.append(finding)
    if any(finding.outcome is Outcome.MISSED for finding in findings):
        served = view.spread("service")
        once_sent = [judge.latency(served, q, limit, slo.confidence) for q, limit in slo.latencies.items()]
        findings = [_unless_lag(finding, sent) for finding, sent in zip(findings, once_sent, strict=True)]
    failed, left_out = samples.failures / len(samples), 1 - max(slo.latencies)
    if slo.error_rate is None and failed > left_out:
        findings = [_unless_failures(finding, samples, failed) for finding in findings]
    return findings


def errors(slo: SLO, samples: Samples) -> list[Finding]:
    """Judge each promised share of failures, of those calls that were not given up by their own users."""
    promised: Mapping[str, tuple[float | None, range | None]] = {
        "error_rate": (slo.error_rate, None),
        "error_rate_4xx": (slo.error_rate_4xx, CLIENT),
        "error_rate_5xx": (slo.error_rate_5xx, SERVER),
    }
    n = len(samples) - samples.impatient
    findings = []
    for name, (limit, statuses) in promised.items():
        if limit is None:
            continue
        if not n:
            text = f"{name} is not known: all {len(samples)} calls were given up by their own users"
            findings.append(Finding(name, Outcome.INCONCLUSIVE, text, None, limit))
            continue
        failed = samples.failed() if statuses is None else samples.failed(statuses.__contains__)
        worth = 1.0 if slo.confidence is None else effect(samples.view, slo.confidence, statuses=statuses)
        findings.append(judge.error_rate(failed, n, limit, slo.confidence, effect=worth, name=name))
    return findings


def usage(slo: SLO, readings: Readings | None, span: tuple[float, float]) -> list[Finding]:
    """Judge what a service used over a span of time."""
    if readings is None:
        return []
    findings = []
    inside = sum(span[0] <= reading.at <= span[1] for reading in readings.readings[:])
    if slo.cpu is not None:
        used = readings.cpu(*span)
        how = f"{inside} readings" if used is not None else f"{inside} readings cover less than half of the window"
        findings.append(judge.at_most("cpu", used, slo.cpu, cores, how))
    if slo.memory is not None:
        findings.append(judge.at_most("memory", readings.memory(*span), slo.memory, size, f"{inside} readings"))
    return findings


def _unless_lag(finding: Finding, served: Finding) -> Finding:
    if finding.outcome is not Outcome.MISSED or served.outcome is Outcome.MISSED:
        return finding
    once_sent = "" if served.value is None else f", {seconds(served.value)} once sent"
    text = f"{finding.text}{once_sent}: the generator's own lag explains the miss"
    return replace(finding, outcome=Outcome.INCONCLUSIVE, text=text)


def _unless_failures(finding: Finding, samples: Samples, failed: float) -> Finding:
    if finding.outcome is not Outcome.MET:
        return finding
    text = (
        f"{finding.text}, but {percent(failed)} failed ({tally(samples.errors)}) and a quick failure is no quick "
        "answer: promise an error_rate with it"
    )
    return replace(finding, outcome=Outcome.INCONCLUSIVE, text=text)


def _unless_given_up(finding: Finding, samples: Samples) -> Finding:
    if finding.outcome is not Outcome.MET:
        return finding
    text = (
        f"{finding.text}, but {percent(samples.impatient / len(samples))} were given up by their own users, and how "
        "long they would have taken is not known"
    )
    return replace(finding, outcome=Outcome.INCONCLUSIVE, text=text)
