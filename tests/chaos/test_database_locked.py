"""A migration holds a lock on the bookings. Who books waits a while and is told so; who reads does not notice."""

from __future__ import annotations

import pytest
from harness import Clinic

from pytest_resilience import SLO, Get, Loader, Post, PostgresServer, mix, observe

POOL = 10
# What an instance may still open as it comes to need it: to Postgres, and to Redis 16 for the cache and 32 for jobs.
POOLS = {"connections": POOL, "descriptors": POOL + 48}
PATIENCE = 0.5  # seconds: the clinic's DB_TIMEOUT
BACK = SLO(p50=0.25, error_rate=0.01)


@pytest.mark.chaos
@pytest.mark.catches("no-database-timeout", by="assert refused")
@pytest.mark.failure_mode(
    "A lock is held on the bookings",
    symptom="Bookings wait `DB_TIMEOUT` (0.5 s) and are 503; pages are served.",
    detection=(
        '`clinic_requests_total{route="/bookings",status="503"}` grows and that of `/slots` does not; the log has '
        "`QueryCanceled`; pg_stat_activity has `wait_event_type = 'Lock'`."
    ),
    mitigation=[
        (
            "Find the holder: `SELECT pg_blocking_pids(pid), query FROM pg_stat_activity WHERE wait_event_type "
            "= 'Lock'`."
        ),
        "End it with pg_terminate_backend(pid) if it is a migration or a forgotten session.",
        "Run migrations with `lock_timeout` set, so that they give up before the patients do.",
    ],
)
def test_bookings_time_out_clearly_and_reads_go_on(
    clinic: Clinic, postgres_server: PostgresServer, load: Loader
) -> None:
    app = clinic(pool_size=POOL, db_timeout=PATIENCE)
    calm = observe(app, postgres_server, allow=POOLS)
    read = Get(f"{app.url}/slots/7", name="read", expect=200)
    book = Post(
        f"{app.url}/bookings",
        json=lambda call: {"slot": call.index + 1, "patient": f"p{call.index}"},
        name="book",
        expect={201, 503},
        keep=lambda answer: (answer.status, answer.json()),
    )
    # Few book: each that waits holds a connection for as long.
    with load(mix((24, read), (1, book)), rate=75) as run:
        run.hold(1)
        with postgres_server.locked("bookings", mode="EXCLUSIVE") as episode:
            run.hold(2.5)
        run.hold_until_recovered(episode, to=BACK)
    assert run.before(episode).named("book").statuses == {201}
    refused = [said for status, said in run.samples.returned if status == 503]
    assert refused  # and not kept until the lock is gone
    late = run.under(episode).named("book")
    assert late.statuses == {503}
    assert {said["reason"] for _, said in late.returned} == {"timeout"}
    assert min(late.latencies) > 0.8 * PATIENCE
    assert max(late.latencies) < PATIENCE + 2
    assert run.samples.named("read").statuses == {200}
    assert run.under(episode).named("read").quantile(0.25) < 0.05  # who reads does not stand in the queue of who books
    assert run.recovery(episode, to=BACK) < 3
    acknowledged = {said["slot"] for status, said in run.samples.returned if status == 201}
    held = {int(slot or 0) for (slot,) in postgres_server.query("SELECT slot FROM bookings")}
    assert acknowledged <= held
    assert calm.settled(within=5)
