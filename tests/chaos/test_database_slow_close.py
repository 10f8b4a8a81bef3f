"""The database crashes, and the news of it is slow to come. Who trusts a dead connection waits its time, no longer."""

from __future__ import annotations

import pytest

from pytest_resilience import SLO, Link, Loader, Post, PostgresServer, Service

DELAY = 3.0  # seconds until the clinic hears that a connection is closed
PATIENCE = 0.5  # seconds that it waits for a statement


@pytest.mark.chaos
@pytest.mark.catches("stale-pool", by=("waited", "recovery"))
@pytest.mark.failure_mode(
    "Dead connections to the database look alive",
    symptom=(
        "After a crash of the database some bookings wait half a second longer and are 503, though it is back already."
    ),
    detection=(
        "The log has `time is up` on connections that were open before the crash; "
        '`clinic_pool_total{event="discarded"}` grows.'
    ),
    mitigation=[
        "Nothing for the clinic: each such connection is given up after `DB_TIMEOUT` (0.5 s), once.",
        (
            "Look at the proxy in between that keeps connections open whose other end is gone, and shorten its "
            "time-outs."
        ),
    ],
)
def test_dead_connections_that_look_alive_are_found_out(
    app_over_link: Service, database_link: Link, postgres_server: PostgresServer, load: Loader
) -> None:
    bookings = Post(
        f"{app_over_link.url}/bookings", json=lambda call: {"slot": call.index + 1, "patient": f"p{call.index}"}
    )
    with load(bookings, rate=60) as run:
        run.hold(2)
        with database_link.slow_closing(DELAY, direction="downstream") as slow:
            with postgres_server.restarted(graceful=False) as crash:
                pass
            run.hold(4)
        run.hold(1)
    assert run.before(crash).statuses == {201}
    met = run.samples.between(slow.striking, slow.healing)
    assert met.statuses <= {201, 503}
    waited = [latency for latency in met.latencies if latency >= PATIENCE]
    # A Postgres that is being started, on a machine that is busy, keeps some waiting for a new connection.
    connecting = app_over_link.logs().count(": connect: TimeoutError")
    dead = int(slow.receipt.counts["closings_delayed"])
    assert 1 <= len(waited) <= dead + connecting  # nobody asked on a connection found dead
    assert max(waited) < 2 * PATIENCE
    assert run.recovery(crash, to=SLO(p95=0.5, error_rate=0.01)) < DELAY  # it does not wait for the news
