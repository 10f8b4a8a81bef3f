"""Connections to the database fail. They are tried again, later each time, and not so often as to be an attack."""

from __future__ import annotations

import httpx
import pytest
from harness import Clinic, counted

from pytest_resilience import SLO, Get, Link, Loader

ROUNDS = 30
BASE = 0.03  # seconds: the most that is waited for the second attempt; twice that for the third
ATTEMPTS = 3
BACK = SLO(p95=0.5, error_rate=0.05)


@pytest.mark.chaos
@pytest.mark.catches("retry-without-backoff", by="ceiling")
@pytest.mark.catches("no-retry", by="answer.status_code")
@pytest.mark.failure_mode(
    "Connections to the database fail now and then",
    symptom="Requests are late by the pauses of the retries; few fail.",
    detection=(
        '`clinic_retries_total{after="1"}` grows, and `after="2"` less; `clinic_retry_pause_seconds_sum` tells what'
        " it costs."
    ),
    mitigation=[
        (
            "Compare the rate of retries with that of requests: well below it, retries carry it; near it, the "
            "database is down for most."
        ),
        "Do not raise RETRY_ATTEMPTS during an outage: more attempts are more load on what is failing.",
    ],
)
def test_attempts_are_spaced_exponentially_and_bounded(clinic: Clinic, database_link: Link, load: Loader) -> None:
    app = clinic(database=database_link, retry_base=BASE, retry_cap=1, retry_attempts=ATTEMPTS, breaker_ratio=0.9)
    waited = 0.0
    with httpx.Client(base_url=app.url) as client:
        client.get("/slots/1").raise_for_status()
        for _ in range(ROUNDS):
            before = database_link.traffic
            # The idle connections of the pool, and the next two.
            with database_link.reset(direction="upstream", first=before.open + 2) as failing:
                answer = client.get("/slots/1")
            assert answer.status_code == 200
            assert failing.receipt.counts == {"connections_reset": before.open + 2}
            assert database_link.traffic.connections - before.connections == ATTEMPTS
            waited += answer.elapsed.total_seconds()
    assert counted(app, "clinic_retries_total") == {1: ROUNDS, 2: ROUNDS}
    pauses = counted(app, "clinic_retry_pause_seconds_sum")
    assert sum(pauses.values()) < waited
    for attempt, total in pauses.items():
        ceiling = BASE * 2 ** (attempt - 1)  # pauses are drawn from 0 to it, so their mean is half of it
        assert 0.25 * ceiling < total / ROUNDS < 0.75 * ceiling

    with load(Get(f"{app.url}/slots/1"), rate=60) as run:
        run.hold(1)
        before = database_link.traffic
        with database_link.reset(direction="upstream") as outage:
            run.hold(2)
            tried = database_link.traffic.connections - before.connections
        run.hold_until_recovered(outage, to=BACK)
    asked = run.during(outage)
    assert run.under(outage).statuses == {503}
    assert ATTEMPTS <= tried < len(asked) / 4  # the breaker spares it
    assert run.recovery(outage, to=BACK) < 3
