"""The rules of an objective: what Prometheus takes, and fires by."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from pytest_resilience import SLO, AlertGroup, Metrics, UsageError, alert_rules
from pytest_resilience.report.alerts.rule import rules_file

METRICS = Metrics(
    requests='http_requests_total{job="clinic"}',
    errors='http_requests_total{job="clinic",code=~"5.."}',
    errors_4xx='http_requests_total{code=~"4.."}',
    latency='http_request_duration_seconds_bucket{job="clinic"}',
)


def group(**limits: float) -> AlertGroup:
    return alert_rules(
        SLO(**limits),
        service="slot bookings",
        metrics=METRICS,
        scenarios=["tests/chaos/test_a.py::test_b[{{x}}]"],
        labels={"team": "clinic"},
        runbook_url="https://wiki.test/bookings",
    )


def read(text: str) -> dict[str, dict[str, object]]:
    """The rules by name, as a parser of YAML sees them."""
    (one,) = yaml.safe_load(text)["groups"]
    return {rule["alert"]: rule for rule in one["rules"]}


def test_a_share_of_failures_has_three_burn_rates() -> None:
    rules = read(str(group(error_rate=0.01)))
    assert list(rules) == [
        "SlotBookingsErrorsBurn1h", "SlotBookingsErrorsBurn6h", "SlotBookingsErrorsBurn3d", "SlotBookingsUnseen",
    ]  # fmt: skip
    ratio = (
        'sum(rate(http_requests_total{{job="clinic",code=~"5.."}}[{0}])) / '
        'sum(rate(http_requests_total{{job="clinic"}}[{0}])) > 0.144'
    )
    fast = rules["SlotBookingsErrorsBurn1h"]
    assert fast["expr"] == f"{ratio.format('1h')}\nand\n{ratio.format('5m')}"
    assert fast["for"] == "2m"
    assert fast["labels"] == {
        "team": "clinic", "severity": "page", "service": "slot bookings", "objective": "error_rate",
    }  # fmt: skip
    assert [rule["labels"]["severity"] for rule in rules.values()] == ["page", "page", "ticket", "ticket"]  # type: ignore[index]


def test_who_is_called_is_told_what_was_promised_and_who_tests_it() -> None:
    told = read(str(group(p99=0.25)))["SlotBookingsLatencyP99"]["annotations"]
    assert isinstance(told, dict)
    assert told["summary"] == "slot bookings: p99 is {{ $value | humanizeDuration }} over 1h, 250 ms promised"
    assert "Promised: SLO(p99=0.25)" in told["description"]
    assert told["scenarios"] == "tests/chaos/test_a.py::test_b[{ {x} }]"  # Prometheus would take it for a template
    assert told["runbook_url"] == "https://wiki.test/bookings"


def test_a_latency_is_a_quantile_over_two_windows_of_enough_requests() -> None:
    rules = read(str(group(p95=0.1, p999=1)))
    seconds = 'http_request_duration_seconds_bucket{job="clinic"'
    assert str(rules["SlotBookingsLatencyP999"]["expr"]).split("\nand\n") == [
        f"histogram_quantile(0.999, sum by (le) (rate({seconds}}}[1h]))) > 1",
        f"histogram_quantile(0.999, sum by (le) (rate({seconds}}}[5m]))) > 1",
        f'sum(increase({seconds},le="+Inf"}}[1h])) >= 2995',
    ]
    assert {"SlotBookingsLatencyP95", "SlotBookingsUnseen"} < rules.keys()


def test_where_nothing_may_fail_one_failure_is_an_alert() -> None:
    rules = read(str(group(error_rate_4xx=0)))
    assert rules["SlotBookingsErrors4xxSeen"]["expr"] == 'sum(increase(http_requests_total{code=~"4.."}[5m])) > 0'


def test_a_burn_rate_beyond_all_that_can_fail_is_left_out_and_said() -> None:
    text = str(group(error_rate=0.2))
    assert list(read(text)) == ["SlotBookingsErrorsBurn3d", "SlotBookingsUnseen"]
    assert "# slot bookings: no rule for 14.4 times error_rate=0.2" in text


def test_what_no_metric_shows_is_named() -> None:
    text = str(group(p95=0.1, rate=100, recovery=30))
    assert "# slot bookings: no rule for rate=100, which metrics of requests do not show" in text
    assert "no rule for recovery=30" in text


@pytest.mark.parametrize(
    ("slo", "metrics", "said"),
    [
        (SLO(rate=100), METRICS, "nothing of it can be a rule"),
        (SLO(p99=0.1), Metrics(requests="a"), r"p99 is promised, and takes Metrics\(latency=...\)"),
        (SLO(error_rate=0.1), Metrics(errors="a"), r"error_rate is promised, and takes Metrics\(requests=...\)"),
        (SLO(error_rate_5xx=0.1), METRICS, r"takes Metrics\(errors_5xx=...\)"),
    ],
)
def test_what_cannot_be_seen_is_refused(slo: SLO, metrics: Metrics, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        alert_rules(slo, service="clinic", metrics=metrics)


@pytest.mark.parametrize("name", ["", "...", "42"])
def test_a_service_without_a_name_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="expected a name with letters"):
        alert_rules(SLO(p99=1), service=name, metrics=METRICS)


def test_a_label_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="'my-team' is no name of a label"):
        alert_rules(SLO(p99=1), service="clinic", metrics=METRICS, labels={"my-team": "x"})


@pytest.mark.parametrize(
    "selector", ["", "rate(a[5m])", "a[5m]", "a{b='c}", "a b", "sum(a)", 'a{b="c"} or d', "9a", 'a{b="}', 7]
)
def test_what_is_no_selector_is_refused(selector: str) -> None:
    with pytest.raises(UsageError, match="expected a metric and its labels"):
        Metrics(requests=selector)


def test_braces_and_quotes_may_be_in_a_label() -> None:
    assert Metrics(requests='a{b="}\\"{", c=\'d"\',}').requests


def test_a_latency_has_to_be_a_histogram() -> None:
    with pytest.raises(UsageError, match="NAME_bucket"):
        Metrics(latency="request_seconds")


# What Prometheus itself says of them

EVERYTHING = {"p50": 0.05, "p99": 0.25, "p999": 2, "error_rate": 0.01, "error_rate_4xx": 0, "rate": 10}

needs_promtool = pytest.mark.skipif(
    not (shutil.which("promtool") or os.environ.get("CI")),
    reason="needs promtool on PATH (Debian's package prometheus)",
)


def promtool(*argv: str | Path) -> str:
    done = subprocess.run(["promtool", *map(str, argv)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@needs_promtool
def test_promtool_takes_them(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    other = alert_rules(SLO(p95=1), service='q"uo:te\\ # é\n', metrics=METRICS)
    path.write_text(rules_file([group(**EVERYTHING), other]))
    assert "SUCCESS: 10 rules found" in promtool("check", "rules", path)


@needs_promtool
@pytest.mark.parametrize(
    ("failed", "slow", "fires"),
    [
        (0.0, 0.0, []),
        (0.008, 0.008, []),
        (0.5, 0.0, ["SlotBookingsErrorsBurn1h"]),
        (0.0, 0.1, ["SlotBookingsLatencyP99"]),
    ],
)
def test_prometheus_fires_when_the_objective_is_missed_and_not_before(
    tmp_path: Path, failed: float, slow: float, fires: list[str]
) -> None:
    (tmp_path / "rules.yaml").write_text(str(group(p99=0.25, error_rate=0.01)))
    a_minute = {  # of 6,000 requests
        'http_requests_total{job="clinic",code="200"}': 6000 * (1 - failed),
        'http_requests_total{job="clinic",code="500"}': 6000 * failed,
        'http_request_duration_seconds_bucket{job="clinic",le="0.1"}': 6000 * (1 - slow),
        'http_request_duration_seconds_bucket{job="clinic",le="0.25"}': 6000 * (1 - slow),
        'http_request_duration_seconds_bucket{job="clinic",le="1"}': 6000,
        'http_request_duration_seconds_bucket{job="clinic",le="+Inf"}': 6000,
    }
    series = [{"series": name, "values": f"0+{round(value)}x90"} for name, value in a_minute.items()]
    names = ["SlotBookingsErrorsBurn1h", "SlotBookingsLatencyP99", "SlotBookingsUnseen"]
    samples = [
        {"expr": f'count(ALERTS{{alertname="{name}",alertstate="firing"}}) or vector(0)', "eval_time": "80m",
         "exp_samples": [{"value": int(name in fires), "labels": "{}"}]}
        for name in names
    ]  # fmt: skip
    test = {"interval": "1m", "input_series": series, "promql_expr_test": samples}
    whole = {"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": [test]}
    (tmp_path / "test.yaml").write_text(json.dumps(whole))
    promtool("test", "rules", tmp_path / "test.yaml")


@needs_promtool
def test_a_service_that_is_not_seen_is_an_alert(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(str(group(p99=0.25, error_rate=0.01)))
    fired = {
        "expr": 'count(ALERTS{alertstate="firing"}) by (alertname)', "eval_time": "20m",
        "exp_samples": [{"value": 1, "labels": '{alertname="SlotBookingsUnseen"}'}],
    }  # fmt: skip
    test = {"interval": "1m", "input_series": [], "promql_expr_test": [fired]}
    (tmp_path / "test.yaml").write_text(json.dumps({"rule_files": ["rules.yaml"], "tests": [test]}))
    promtool("test", "rules", tmp_path / "test.yaml")
