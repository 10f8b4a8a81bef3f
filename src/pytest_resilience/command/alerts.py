"""`pytest-resilience alerts`: rules of Prometheus from what the scenarios of a report promised."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from pytest_resilience.errors import UsageError
from pytest_resilience.measure.slo import SLO
from pytest_resilience.report.alerts.metrics import Metrics
from pytest_resilience.report.alerts.rule import AlertGroup, rules_file
from pytest_resilience.report.alerts.rules import alert_rules
from pytest_resilience.report.record import SCHEMA, VERSION

SERIES = tuple(field.name for field in fields(Metrics))
KEYS = (*SERIES, "scenarios", "labels", "runbook_url")


@dataclass(frozen=True)
class Promise:
    """What a scenario promised, and what came of it."""

    scenario: str
    limits: Mapping[str, float]
    outcome: str


def alerts(report: Path, metrics: Path) -> tuple[str, list[str]]:
    """Return the file of rules, and what its reader has to know.

    :param report: the `report.json` of `--resilience-report`.
    :param metrics: JSON, `{"bookings": {"requests": ..., "errors": ..., "latency": ..., "scenarios": "*booking*"}}`.
    :raises UsageError: one of them is not what it has to be, or a service matches no promise.
    """
    promises = _promises(report)
    given = _object(metrics, "--metrics")
    if not given:
        raise UsageError(f"--metrics={metrics}: names no service; write {{NAME: {{'requests': SELECTOR, ...}}}}")
    groups: list[AlertGroup] = []
    notes: list[str] = []
    for service, about in given.items():
        group, doubts = _group(service, about, promises, f"--metrics={metrics}: {service}")
        groups.append(group)
        notes += doubts
    return rules_file(groups), notes


def _group(service: str, about: object, promises: list[Promise], where: str) -> tuple[AlertGroup, list[str]]:
    if not isinstance(about, dict) or set(about) - set(KEYS):
        raise UsageError(f"{where}: expected an object with some of {', '.join(KEYS)}, and there is {about!r}")
    labels, wanted = about.get("labels", {}), about.get("scenarios", "*")
    if not isinstance(labels, dict) or not isinstance(wanted, str):
        raise UsageError(f"{where}: labels is an object, and scenarios a pattern such as *booking*")
    mine = [one for one in promises if fnmatchcase(one.scenario, wanted)]
    limits = tightest(mine)
    if not limits:
        raise UsageError(
            f"{where}: no scenario that matches {wanted!r} promised anything in the report: run it with "
            "--resilience-report, with `SLO(...).met_by(...)` in it"
        )
    group = alert_rules(
        SLO(**limits),
        service=service,
        metrics=Metrics(**{name: about[name] for name in SERIES if name in about}),
        scenarios=list(dict.fromkeys(one.scenario for one in mine)),
        labels={str(name): str(value) for name, value in labels.items()},
        runbook_url=about.get("runbook_url"),
    )
    doubts = [
        f"{service}: {one.scenario} has not shown that it is kept ({one.outcome})"
        for one in mine
        if one.outcome != "met"
    ]
    return group, list(dict.fromkeys(doubts))


def tightest(promises: list[Promise]) -> dict[str, float]:
    """Return the tightest of each limit; a lower quantile that a higher one already holds has that one's."""
    limits: dict[str, float] = {}
    for one in promises:
        for name, limit in one.limits.items():
            pick = max if name == "rate" else min
            limits[name] = pick(limits.get(name, limit), limit)
    least = float("inf")
    for name in ("p999", "p99", "p95", "p90", "p75", "p50"):
        if name in limits:
            least = limits[name] = min(limits[name], least)
    return limits


def _promises(path: Path) -> list[Promise]:
    told: dict[str, Any] = _object(path, "--report")
    if told.get("schema") != SCHEMA or told.get("version") != VERSION:
        raise UsageError(f"--report={path}: is no report of version {VERSION} that --resilience-report has written")
    try:
        found = [
            Promise(str(test["name"]), {str(name): float(limit) for name, limit in limits.items()}, str(one["outcome"]))
            for test in told["tests"]
            for one in test["judged"]
            if (limits := one.get("limits"))
        ]
        for one in found:
            SLO(**one.limits)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"--report={path}: is damaged: {error!r}; run the scenarios again") from error
    return found


def _object(path: Path, option: str) -> dict[str, object]:
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{option}={path}: expected a file of JSON: {error}") from error
    if not isinstance(given, dict):
        raise UsageError(f"{option}={path}: expected an object of JSON")
    return given
