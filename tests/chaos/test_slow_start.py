"""What bookings depend on starts slowly. They are refused clearly and at once meanwhile, and made soon after that."""

from __future__ import annotations

import httpx
import pytest
from harness import Clinic

from pytest_resilience import SLO, Loader, Post, PostgresServer, Service

BOOKING = SLO(p95=0.5, error_rate=0.05)


@pytest.mark.chaos
@pytest.mark.catches("breaker-never-half-opens", by='breaker["state"]')
@pytest.mark.failure_mode(
    "The database starts slowly",
    symptom="Bookings are 503 within milliseconds until it is there.",
    detection=(
        "Postgres logs `the database system is starting up`, or replays its WAL (`redo in progress`); the breaker "
        "is OPEN, with one probe each second."
    ),
    mitigation=[
        ("Wait: recovery is bounded by `checkpoint_timeout` and `max_wal_size`. Killing it begins the recovery again."),
        "If it takes longer than a failover, promote the standby.",
    ],
)
def test_the_breaker_bridges_a_slow_start_of_the_database(
    app: Service, postgres_server: PostgresServer, load: Loader
) -> None:
    bookings = Post(f"{app.url}/bookings", json=lambda call: {"slot": call.index + 1, "patient": f"p{call.index}"})
    with load(bookings, rate=60) as run:
        run.hold(1)
        with postgres_server.slow_starting(2) as slow, postgres_server.restarted(graceful=False) as crash:
            run.hold(0.5)
        run.hold(2.5)
    assert slow.receipt.counts["starts_held"] == 1
    assert crash.receipt.counts["seconds_down"] > 2
    breaker = httpx.get(f"{app.url}/breaker").json()
    assert breaker["state"] == "CLOSED"
    assert [change["to"] for change in breaker["history"]][:2] == ["OPEN", "HALF_OPEN"]
    refused = run.under(crash)
    assert refused.statuses == {503}
    assert refused.quantile(0.5) < 0.1  # open, it answers at once
    assert run.recovery(crash, to=BOOKING) < 5


@pytest.mark.chaos
@pytest.mark.catches("migration-locks", by="run.samples.statuses")
@pytest.mark.failure_mode(
    "An instance starts slowly",
    symptom="None: the others serve.",
    detection="The new instance's `/ready` stays 503 or its port closed for longer than its start usually takes.",
    mitigation=[
        "Let the balancer wait for `/ready`; do not have the supervisor kill it too soon (startupProbe).",
        "Look at what it waits for: `checks` of `/ready` names it.",
    ],
)
def test_an_instance_that_starts_slowly_does_not_hold_up_the_others(clinic: Clinic, load: Loader) -> None:
    one, two = clinic(name="one"), clinic(name="two")
    bookings = Post(f"{one.url}/bookings", json=lambda call: {"slot": call.index + 1, "patient": f"p{call.index}"})
    with load(bookings, rate=40) as run:
        with two.slow_starting(1.5), two.restarted() as restart:
            run.hold(0.5)
        run.hold(1)
    assert restart.receipt.counts["seconds_down"] > 1.5
    assert run.samples.statuses == {201}
    assert run.samples.quantile(0.5) < 0.25
    assert httpx.get(f"{two.url}/ready").status_code == 200
