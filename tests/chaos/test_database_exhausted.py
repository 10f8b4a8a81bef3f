"""Somebody else takes every connection to the database. Refusals are clear and quick, and end with it."""

from __future__ import annotations

import pytest
from harness import Clinic

from pytest_resilience import SLO, Loader, Post, PostgresServer, observe

POOL = 4
# What an instance may still open as it comes to need it: to Postgres, and to Redis 16 for the cache and 32 for jobs.
POOLS = {"connections": POOL, "descriptors": POOL + 48}
BACK = SLO(p50=0.25, error_rate=0.01)


@pytest.mark.chaos
@pytest.mark.catches("500-for-503", by="refused.statuses")
@pytest.mark.failure_mode(
    "No connection to the database is left",
    symptom="Bookings are 503 with `dependency: database`, `reason: refused`, at once; `outcome: not done`.",
    detection=(
        "Postgres logs `FATAL: sorry, too many clients already`; the clinic's log has it as `connect:`; `count(*)` "
        "of pg_stat_activity is at max_connections."
    ),
    mitigation=[
        "Find who has them: `SELECT application_name, state, count(*) FROM pg_stat_activity GROUP BY 1, 2`.",
        (
            "End the idle ones of that application with pg_terminate_backend; a superuser still gets in by "
            "superuser_reserved_connections."
        ),
        "Give that application a pool with a limit, or a role with CONNECTION LIMIT.",
    ],
)
def test_bookings_are_refused_clearly_while_no_connection_is_to_be_had(
    clinic: Clinic, postgres_server: PostgresServer, load: Loader
) -> None:
    app = clinic(pool_size=POOL)
    calm = observe(app, postgres_server, allow=POOLS)
    bookings = Post(
        f"{app.url}/bookings",
        json=lambda call: {"slot": call.index + 1, "patient": f"p{call.index}"},
        expect={201, 503},
        keep=lambda answer: answer.json(),
    )
    with load(bookings, rate=60) as run:
        run.hold(1)
        with postgres_server.connections_exhausted(evicting=True) as episode:
            run.hold(2)
        run.hold_until_recovered(episode, to=BACK)
    assert run.before(episode).statuses == {201}
    refused = run.under(episode)
    assert refused.statuses == {503}
    assert {said["reason"] for said in refused.returned} <= {"refused", "breaker open"}
    assert {said["outcome"] for said in refused.returned} == {"not done"}
    # The breaker is open: all but a probe now and then are not kept waiting, nor is the database asked.
    told = [said["reason"] for said in refused.returned]
    assert told.count("breaker open") > 0.8 * len(told)
    assert refused.quantile(0.25) < 0.05
    assert refused.quantile(0.5) < 0.25
    assert run.recovery(episode, to=BACK) < 5
    assert calm.settled(within=5)
