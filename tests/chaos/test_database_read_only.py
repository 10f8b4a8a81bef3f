"""The database becomes read-only under its open sessions. Who reads is served; who books is told clearly."""

from __future__ import annotations

import pytest
from harness import Clinic

from pytest_resilience import SLO, Get, Loader, Post, PostgresServer, mix, observe

POOL = 10
# What an instance may still open as it comes to need it: to Postgres, and to Redis 16 for the cache and 32 for jobs.
POOLS = {"connections": POOL, "descriptors": POOL + 48}
BACK = SLO(p50=0.25, error_rate=0.01)


@pytest.mark.chaos
@pytest.mark.catches("connection-leak", by=("statuses", "said"))
@pytest.mark.failure_mode(
    "The database is read-only",
    symptom="Pages are served, bookings are 503 with `reason: failing`, `dependency: database`.",
    detection=(
        "The log has `ReadOnlySqlTransaction`; `SHOW default_transaction_read_only` is on, or pg_is_in_recovery() "
        "is true; `/ready` stays 200."
    ),
    mitigation=[
        ("If it is a standby, the address leads to the wrong server: point it at the primary, or promote this one."),
        (
            "If somebody set it (a full disk, an upgrade), finish that first; then set "
            "`default_transaction_read_only` off and reload."
        ),
    ],
)
def test_reads_go_on_while_bookings_are_refused(clinic: Clinic, postgres_server: PostgresServer, load: Loader) -> None:
    # Patient, so that a busy machine is not taken for a busy pool, which would refuse with other words.
    app = clinic(pool_size=POOL, pool_timeout=2, db_timeout=2, request_deadline=4)
    calm = observe(app, postgres_server, allow=POOLS)
    read = Get(f"{app.url}/slots/7", name="read", expect=200)
    book = Post(
        f"{app.url}/bookings",
        json=lambda call: {"slot": call.index + 1, "patient": f"p{call.index}"},
        name="book",
        expect={201, 503},
        keep=lambda answer: (answer.status, answer.json()),
    )
    with load(mix((3, read), (1, book)), rate=80) as run:
        run.hold(1)
        with postgres_server.read_only() as episode:
            run.hold(2)
        run.hold_until_recovered(episode, to=BACK)
    assert run.before(episode).named("book").statuses == {201}
    refused = run.under(episode).named("book")
    assert refused.statuses == {503}
    assert {(said["dependency"], said["reason"], said["outcome"]) for _, said in refused.returned} == {
        ("database", "failing", "not done")
    }
    assert run.samples.named("read").statuses == {200}
    assert run.under(episode).named("read").quantile(0.25) < 0.05
    assert run.recovery(episode, to=BACK) < 3
    assert run.samples.between(episode.healed, float("inf")).named("book").statuses == {201}

    acknowledged = {said["slot"] for status, said in run.samples.returned if status == 201}
    held = {int(slot or 0) for (slot,) in postgres_server.query("SELECT slot FROM bookings")}
    assert acknowledged == held  # what was refused as "not done" was not done
    assert calm.settled(within=5)
