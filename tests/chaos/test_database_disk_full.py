"""The disk of a database is full. Who writes is refused clearly, who reads is served, and with room again all works."""

from __future__ import annotations

import pytest
from harness import Clinic, booked

from pytest_resilience import SLO, Get, Loader, Post, PostgresServer, RedisServer, mix

KIB, MIB = 2**10, 2**20
SERVED = SLO(p50=0.25, error_rate=0.01)
# So that a busy machine is not taken for a busy server, whose refusals say something else.
PATIENT = {"pool_timeout": 2, "db_timeout": 2, "request_deadline": 4, "queue_timeout": 2}


def have_log_ahead(server: PostgresServer) -> None:
    """Let Postgres have some files for its log ahead, as one has that has been running for a while.

    Without one it could not commit, would end by itself, and have nothing to read with.
    """
    for turn in range(6):
        server.query(f"CREATE TABLE scratch_{turn} (); DROP TABLE scratch_{turn}")
        server.query("SELECT pg_switch_wal()")
        server.query("CHECKPOINT")


@pytest.mark.chaos
@pytest.mark.catches("500-for-503", by="len(refused)")
@pytest.mark.failure_mode(
    "The disk of Postgres is full",
    symptom="`POST /bookings` is 503, `not done`; slots are read as ever.",
    detection=(
        "`node_filesystem_avail_bytes` of the data directory near 0; Postgres logs `could not extend file` (SQLSTATE "
        "53100)."
    ),
    mitigation=[
        "Make room: a larger volume, or what else lies on this one. Bookings go on by themselves.",
        "Never remove anything from pg_wal. Where it is the log that had no room, Postgres has ended: start it again.",
    ],
)
def test_a_postgres_whose_disk_is_full_refuses_bookings_and_shows_slots(
    clinic: Clinic, postgres_server: PostgresServer, load: Loader
) -> None:
    postgres_server.on_disk(256 * MIB)
    app = clinic(**PATIENT)
    have_log_ahead(postgres_server)
    read = Get(f"{app.url}/slots/7", name="read", expect=200)
    book = Post(
        f"{app.url}/bookings",
        json=lambda call: {"slot": call.index + 1, "patient": f"p{call.index}".ljust(200, ".")},
        name="book",
        expect={201, 503},
        keep=lambda answer: (answer.status, answer.json()),
    )
    with load(mix((1, read), (3, book)), rate=80) as run:
        run.hold(1)
        with postgres_server.capped(disk=postgres_server.disk_used + 16 * KIB) as full:
            run.hold(3)
        run.hold_until_recovered(full, to=SERVED)
    refused = [said for status, said in run.samples.named("book").returned if status == 503]
    told = {said["slot"] for status, said in run.samples.named("book").returned if status == 201}
    assert full.receipt.counts["bytes_free_at_least"] == 0
    assert run.before(full).named("book").statuses == {201}
    assert len(refused) > 50
    assert {(said["dependency"], said["outcome"]) for said in refused} == {("database", "not done")}
    assert run.samples.named("read").statuses == {200}
    assert run.recovery(full, to=SERVED) < 5
    assert told == set(booked(postgres_server))


@pytest.mark.chaos
@pytest.mark.catches("cache-required", by='named("read")')
@pytest.mark.failure_mode(
    "The disk of Redis is full",
    symptom="`POST /jobs` is 503; slots are served past the cache.",
    detection=(
        "`redis_aof_last_write_status` is 0, or `rdb_last_bgsave_status` is `err`; Redis answers writes with "
        "`-MISCONF`."
    ),
    mitigation=[
        "Make room: a larger volume, or what else lies on this one. Redis takes writes again within a second.",
        "Do not restart it while the disk is full: what it could not write yet is in its memory alone.",
    ],
)
def test_a_redis_whose_disk_is_full_refuses_jobs_and_keeps_those_it_has(
    clinic: Clinic, redis_server: RedisServer, load: Loader
) -> None:
    redis_server.on_disk(16 * MIB)
    app = clinic(**PATIENT)
    read = Get(f"{app.url}/slots", name="read", expect=200)
    letter = {"kind": "reminder", "payload": {"patient": "p" * 200, "slot": 1}}
    ask = Post(f"{app.url}/jobs", json=letter, name="ask", expect={202, 503}, keep=lambda answer: answer.json())
    with load(mix((1, read), (2, ask)), rate=75) as run:
        run.hold(1)
        with redis_server.capped(disk=redis_server.disk_used + 16 * KIB) as full:
            run.hold(2.5)
        run.hold_until_recovered(full, to=SERVED)
    refused = [said for said in run.samples.named("ask").returned if "error" in said]
    told = {said["id"] for said in run.samples.named("ask").returned if "id" in said}
    assert full.receipt.counts["bytes_free_at_least"] == 0
    assert run.before(full).named("ask").statuses == {202}
    assert len(refused) > 30
    assert {said["dependency"] for said in refused} == {"redis"}
    assert run.samples.named("read").statuses == {200}  # from the database, where the cache cannot be filled
    assert run.recovery(full, to=SERVED) < 5
    with redis_server.killed():  # what it has must be on the disk, and not in its memory alone
        pass
    queued = redis_server.command("LRANGE", "clinic:jobs", 0, -1)
    assert isinstance(queued, list)
    assert told == set(queued)
