"""An administrator closes every session of the database, again and again. Who read goes on; nothing booked is lost."""

from __future__ import annotations

import pytest
from harness import Clinic

from pytest_resilience import SLO, Link, Loader, Post, PostgresServer, observe

POOL = 4
# What an instance may still open as it comes to need it: to Postgres, and to Redis 16 for the cache and 32 for jobs.
POOLS = {"connections": POOL, "descriptors": POOL + 48}
BACK = SLO(p50=0.25, error_rate=0.01)


@pytest.mark.chaos
@pytest.mark.catches("no-retry", by="statuses")
@pytest.mark.failure_mode(
    "Sessions of the database are closed",
    symptom="With an Idempotency-Key nobody notices; without, a booking in flight is a 503 with `outcome: unknown`.",
    detection=(
        "The log has `AdminShutdown: terminating connection due to administrator command`; "
        '`clinic_pool_total{event="discarded"}` grows by the size of the pool.'
    ),
    mitigation=[
        "Find who calls pg_terminate_backend: an operator, a pooler that reloads, `idle_session_timeout`.",
        "The pool fills up again by itself.",
    ],
)
def test_sessions_that_are_closed_cost_no_booking(
    clinic: Clinic, postgres_server: PostgresServer, database_link: Link, load: Loader
) -> None:
    app = clinic(pool_size=POOL, database=database_link)
    calm = observe(app, postgres_server, allow=POOLS)
    bookings = Post(
        f"{app.url}/bookings",
        json=lambda call: {"slot": call.index + 1, "patient": f"p{call.index}"},
        headers=lambda call: {"Idempotency-Key": f"key {call.index}"},
        expect={200, 201},
        keep=lambda answer: answer.json()["slot"],
    )
    # A road as between two hosts, so that whenever sessions are closed, some have a statement under way.
    with database_link.slowed(latency=0.01), load(bookings, rate=50) as run:
        run.hold(0.5)
        for _ in range(5):
            with postgres_server.connections_terminated() as episode:
                pass
            run.hold(0.5)
        run.hold_until_recovered(episode, to=BACK)
    assert run.samples.statuses <= {200, 201}  # with a key, it is asked again, and nobody is refused
    assert run.recovery(episode, to=BACK) < 3
    held = [int(slot or 0) for (slot,) in postgres_server.query("SELECT slot FROM bookings")]
    assert set(run.samples.returned) == set(held)
    assert len(held) == len(set(held))
    assert calm.settled(within=5)
