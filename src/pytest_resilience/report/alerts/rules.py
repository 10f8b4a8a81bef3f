"""The rules of an objective: burn rates of what may fail, quantiles of latency, and silence.

A ratio is alerted on by how fast it uses up what may fail in 30 days, over a long window, so that it matters, and
a short one, so that it is still going on: the pairs of the Google SRE Workbook, chapter 5, table 5-8. A latency is the
quantile of a histogram over an hour and over five minutes. A series that is not there makes every rule silent, which
has a rule of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pytest_resilience.errors import UsageError
from pytest_resilience.measure import bounds, figures
from pytest_resilience.measure.slo import SLO
from pytest_resilience.measure.words import percent, seconds
from pytest_resilience.report.alerts.metrics import Metrics, with_label
from pytest_resilience.report.alerts.rule import AlertGroup, AlertRule

LONG, SHORT = "1h", "5m"  # the windows of a latency
SURE = 0.95


@dataclass(frozen=True)
class Burn:
    """A pair of windows, and how many times as fast as allowed the budget of 30 days is used up in both."""

    severity: str
    times: float
    long: str
    short: str
    lasting: str


BURNS = (
    Burn("page", 14.4, "1h", "5m", "2m"),  # 2 % of the budget in an hour
    Burn("page", 6, "6h", "30m", "5m"),  # 5 % in six hours
    Burn("ticket", 1, "3d", "6h", "1h"),  # 10 % in three days
)
RATIOS = {"error_rate": "errors", "error_rate_4xx": "errors_4xx", "error_rate_5xx": "errors_5xx"}


@dataclass(frozen=True)
class _Told:
    """What all rules of a group say."""

    service: str
    slo: SLO
    scenarios: tuple[str, ...]
    labels: Mapping[str, str]
    runbook_url: str | None

    def rule(self, kind: str, expr: str, lasting: str, severity: str, *, objective: str, summary: str) -> AlertRule:
        shown = ", ".join(self.scenarios) or "no scenario is named"
        told = (
            f"Promised: {_plain(repr(self.slo))}, for {_plain(self.service)}. Tested by: {_plain(shown)}. Look for a "
            "fault of the kinds that these inject, at what they inject them into; run them against this version."
        )
        annotations = {"summary": summary, "description": told, "scenarios": _plain(shown)}
        if self.runbook_url is not None:
            annotations["runbook_url"] = self.runbook_url
        labels = {**self.labels, "severity": severity, "service": self.service, "objective": objective}
        return AlertRule(
            alert=_camel(self.service) + kind, expr=expr, lasting=lasting, labels=labels, annotations=annotations
        )


def alert_rules(
    slo: SLO,
    *,
    service: str,
    metrics: Metrics,
    scenarios: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
    runbook_url: str | None = None,
) -> AlertGroup:
    """Return the rules of Prometheus that hold a service in production to `slo`; `str()` of them is the file.

    Each promised latency and share of failures has its rules. What says nothing by itself in production (`rate`,
    `recovery`) or is no metric of requests (`cpu`, `memory`) has none, and is named in the file's head.

    :param service: what the alerts are called after.
    :param metrics: the series of the service; those of all that has rules have to be given.
    :param scenarios: the tests that judge the objective, for who is called by the alert.
    :param labels: for every alert, besides severity, service and objective: the team, for instance.
    :param runbook_url: where it says what to do.
    :raises UsageError: a promise has no metric, nothing promised can be a rule, or a name cannot be one.
    """
    labels = dict(labels or {})
    if not _camel(service):
        raise UsageError(f"alert_rules(service={service!r}): expected a name with letters, such as 'bookings'")
    for name in labels:
        if not re.fullmatch(r"[a-zA-Z_]\w*", name):
            raise UsageError(f"alert_rules(labels={labels!r}): {name!r} is no name of a label")
    told = _Told(service, slo, tuple(scenarios), labels, runbook_url)
    rules = [*_errors(told, metrics), *_latencies(told, metrics)]
    if not rules:
        raise UsageError(
            f"alert_rules({slo!r}): nothing of it can be a rule: promise a latency or an error_rate, such as p99=0.25"
        )
    rules += _silence(told, metrics)
    left = [name for name in slo.limits if name in ("rate", "cpu", "memory", "recovery")]
    why = [f"no rule for {name}={slo.limits[name]:g}, which metrics of requests do not show" for name in left]
    return AlertGroup(name=service, rules=tuple(rules), left_out=(*why, *_never(slo)))


def _errors(told: _Told, metrics: Metrics) -> Iterator[AlertRule]:
    for name, limit in told.slo.ratios.items():
        kind = "".join(part.capitalize() for part in RATIOS[name].split("_"))
        bad, every = _given(metrics, RATIOS[name], name), _given(metrics, "requests", name)
        if limit == 0:
            summary = f"{_plain(told.service)}: something failed, and nothing may ({name}=0)"
            yield told.rule(
                f"{kind}Seen", f"sum(increase({bad}[5m])) > 0", "0s", "page", objective=name, summary=summary
            )
            continue
        for burn in _burns(limit):
            ratio = "sum(rate({}[{}])) / sum(rate({}[{}])) > {:.6g}"
            beyond = burn.times * limit
            expr = "\nand\n".join(ratio.format(bad, one, every, one, beyond) for one in (burn.long, burn.short))
            summary = (
                f"{_plain(told.service)}: {{{{ $value | humanizePercentage }}}} failed over {burn.long}, "
                f"{burn.times:g} times the {percent(limit)} that may"
            )
            yield told.rule(
                f"{kind}Burn{burn.long}", expr, burn.lasting, burn.severity, objective=name, summary=summary
            )


def _latencies(told: _Told, metrics: Metrics) -> Iterator[AlertRule]:
    for q, limit in told.slo.latencies.items():
        name = figures.quantile_name(q)
        buckets = _given(metrics, "latency", name)
        expr = "\nand\n".join(
            f"histogram_quantile({q:g}, sum by (le) (rate({buckets}[{window}]))) > {limit:g}"
            for window in (LONG, SHORT)
        )
        needed = bounds.samples_for_quantile(q, SURE)
        everything = with_label(buckets, 'le="+Inf"')
        expr += f"\nand\nsum(increase({everything}[{LONG}])) >= {needed}"
        shown = f"{name} is {{{{ $value | humanizeDuration }}}} over {LONG}, {seconds(limit)} promised"
        summary = f"{_plain(told.service)}: {shown}"
        yield told.rule(f"Latency{name.replace('.', '').upper()}", expr, "2m", "page", objective=name, summary=summary)


def _silence(told: _Told, metrics: Metrics) -> Iterator[AlertRule]:
    """Yield the rule without which the others are silent when there is nothing to be seen.

    A counter of failures need not be there before the first.
    """
    wanted = [metrics.requests] if told.slo.ratios else []
    wanted += [metrics.latency] if told.slo.latencies else []
    expr = "\nor\n".join(f"absent({one})" for one in wanted)
    summary = f"{_plain(told.service)}: the series that its alerts are made of are not there, so none of them can fire"
    yield told.rule("Unseen", expr, "10m", "ticket", objective="metrics", summary=summary)


def _burns(limit: float) -> list[Burn]:
    """Return those that can happen: no more than all can fail."""
    return [burn for burn in BURNS if burn.times * limit < 1]


def _never(slo: SLO) -> list[str]:
    """Return which burn rates have no rule."""
    return [
        f"no rule for {burn.times:g} times {name}={limit:g}, which would be all that there is or more"
        for name, limit in slo.ratios.items()
        for burn in BURNS
        if burn not in _burns(limit)
    ]


def _given(metrics: Metrics, name: str, objective: str) -> str:
    value: str | None = getattr(metrics, name)
    if value is None:
        raise UsageError(f"alert_rules: {objective} is promised, and takes Metrics({name}=...) to be seen")
    return value


def _camel(text: str) -> str:
    """Return a name of an alert, which dashboards can show: letters and digits, not beginning with one of these."""
    parts = re.findall(r"[A-Za-z0-9]+", text)
    return "".join(part[0].upper() + part[1:] for part in parts).lstrip("0123456789")


def _plain(text: str) -> str:
    """Return text that Prometheus does not take for a template."""
    return text.replace("{{", "{ {").replace("}}", "} }")
