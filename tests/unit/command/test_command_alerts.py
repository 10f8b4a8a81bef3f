"""`pytest-resilience alerts`: from a report to rules, and what it says of what is none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from pytest_resilience.command.alerts import Promise, tightest
from pytest_resilience.command.program import main

REPORT = '{"schema": "pytest-resilience-report", "version": 1, "tests": ['
SERIES = {"requests": "requests_total", "errors": "errors_total", "latency": "seconds_bucket"}


def judged(outcome: str = "met", **limits: float) -> dict[str, object]:
    return {"at": 1.0, "promise": f"SLO({limits})", "outcome": outcome, "text": "", "limits": limits}


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "report.json"
    tests = [
        {"name": "test_booking.py::test_calm", "judged": [judged(p99=0.25, error_rate=0.01), judged(p99=0.25)]},
        {"name": "test_booking.py::test_storm", "judged": [judged("missed", p99=0.5, p95=0.4)]},
        {"name": "test_jobs.py::test_jobs", "judged": [judged(p95=2.0), {"promise": "x", "outcome": "met"}]},
    ]
    path.write_text(json.dumps({"schema": "pytest-resilience-report", "version": 1, "tests": tests}))
    return path


def run(report: Path, metrics: object) -> int:
    path = report.with_name("metrics.json")
    path.write_text(metrics if isinstance(metrics, str) else json.dumps(metrics))
    return main(["alerts", f"--report={report}", f"--metrics={path}"])


def test_each_service_has_the_tightest_of_what_its_scenarios_promise(
    report: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    services = {
        "bookings": {**SERIES, "scenarios": "*booking*", "labels": {"team": "a"}, "runbook_url": "http://x.test"},
        "jobs": {**SERIES, "scenarios": "*jobs*"},
    }
    assert run(report, services) == 0
    told = capsys.readouterr()
    bookings, jobs = yaml.safe_load(told.out)["groups"]
    exprs = {rule["alert"]: rule["expr"] for rule in bookings["rules"]}
    assert exprs["BookingsLatencyP99"].endswith(">= 299")
    assert "> 0.25\n" in exprs["BookingsLatencyP99"]
    assert "> 0.25\n" in exprs["BookingsLatencyP95"]  # 0.4 was promised elsewhere, and p99 is tighter
    assert "BookingsErrorsBurn1h" in exprs
    assert {rule["labels"].get("team") for rule in bookings["rules"]} == {"a"}
    assert [rule["alert"] for rule in jobs["rules"]] == ["JobsLatencyP95", "JobsUnseen"]
    assert "test_booking.py::test_calm, test_booking.py::test_storm" in told.out
    assert told.err == "note: bookings: test_booking.py::test_storm has not shown that it is kept (missed)\n"


def test_the_tightest_rate_is_the_highest() -> None:
    promises = [Promise("a", {"rate": 10, "p50": 1}, "met"), Promise("b", {"rate": 20, "p50": 2}, "met")]
    assert tightest(promises) == {"rate": 20, "p50": 1}


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        ("", "expected a file of JSON"),
        ([], "expected an object of JSON"),
        ({}, "names no service"),
        ({"a": 1}, "a: expected an object with some of requests, errors"),
        ({"a": {"request": "x"}}, "expected an object with some of requests, errors"),
        ({"a": {**SERIES, "labels": 1}}, "labels is an object"),
        ({"a": {**SERIES, "scenarios": "*nothing*"}}, r"no scenario that matches '*nothing*' promised anything"),
        ({"a": {"requests": "sum(x)"}}, "expected a metric and its labels"),
        ({"a": {"requests": "x"}}, "is promised, and takes Metrics("),
    ],
)
def test_metrics_that_are_none_are_refused(
    report: Path, capsys: pytest.CaptureFixture[str], metrics: object, said: str
) -> None:
    assert run(report, metrics) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert said in told.err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{}", "is no report of version 1"),
        ('{"schema": "pytest-resilience-report", "version": 9}', "is no report of version 1"),
        ('{"schema": "pytest-resilience-report", "version": 1}', "is damaged"),
        (f'{REPORT}{{"name": "a", "judged": [{{"limits": {{"p7": 1}}, "outcome": "met"}}]}}]}}', "is damaged"),
        (f'{REPORT}{{"name": "a", "judged": [{{"limits": {{"p99": -1}}, "outcome": "met"}}]}}]}}', "a limit is"),
    ],
)  # fmt: skip
def test_a_report_that_is_none_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    path = tmp_path / "report.json"
    path.write_text(text)
    assert run(path, {"a": SERIES}) == 2
    assert said in capsys.readouterr().err


def test_a_report_that_is_not_there_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path / "none.json", {"a": SERIES}) == 2
    assert "none.json: expected a file of JSON" in capsys.readouterr().err
