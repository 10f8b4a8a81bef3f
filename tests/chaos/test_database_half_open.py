"""New connections to the database are accepted and never answered. Who has one carries on; the others are not hung."""

from __future__ import annotations

import pytest
from harness import Clinic

from pytest_resilience import SLO, Get, Link, Loader, Post, PostgresServer

POOL = 3
BOOKING = SLO(p95=0.5)
BACK = SLO(p95=0.5, error_rate=0.01)


@pytest.mark.chaos
@pytest.mark.catches("no-connect-timeout", by=("hanging.statuses", "quantile"))
@pytest.mark.failure_mode(
    "New connections to the database hang",
    symptom=(
        "Nothing at first: the pool lives on what it has. As it loses connections, bookings become 503 with "
        "`reason: timeout`, soon at once."
    ),
    detection=(
        '`clinic_pool{connections="size"}` shrinks while `waiting` grows; the log has `connect:` with a time-out; '
        "connecting by hand hangs."
    ),
    mitigation=[
        (
            "Look at a firewall or proxy that swallows new connections, a full accept queue (`ss -lnt`, "
            "Recv-Q), or a frozen postmaster."
        ),
        "Do not restart instances while this lasts: they would lose the connections that work.",
    ],
)
def test_a_pool_lives_on_its_connections_and_without_them_fails_fast(
    clinic: Clinic, database_link: Link, postgres_server: PostgresServer, load: Loader
) -> None:
    app = clinic(database=database_link, pool_size=POOL)
    bookings = Post(
        f"{app.url}/bookings",
        json=lambda call: {"slot": call.index + 1, "patient": f"p{call.index}"},
    )
    with load(Get(f"{app.url}/slots/1"), users=3 * POOL) as crowd:
        crowd.hold(0.5)
    assert database_link.traffic.open == POOL
    with load(bookings, rate=80) as run:
        run.hold(1)
        with database_link.half_open() as outage:
            run.hold(1.5)
            assert outage.receipt.counts["connections_unanswered"] == 0  # nobody needed a new one
            with postgres_server.connections_terminated() as terminated:
                pass
            run.hold(2.5)
        run.hold_until_recovered(outage, to=BACK)
    pooled = run.before(terminated).between(outage.struck, terminated.striking)
    assert pooled.statuses == {201}
    assert BOOKING.met_by(pooled)
    hanging = run.under(outage).between(terminated.struck + 0.5, outage.healing)
    assert hanging.statuses == {503}
    assert max(hanging.latencies) < 2
    assert hanging.quantile(0.5) < 0.1
    assert outage.receipt.counts["connections_unanswered"]
    assert run.recovery(outage, to=BACK) < 5
