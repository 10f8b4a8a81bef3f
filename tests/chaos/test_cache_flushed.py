"""Somebody flushes Redis. What was queued there is lost, and says so; bookings and the workers go on."""

from __future__ import annotations

import httpx
import pytest
from harness import Clinic

from pytest_resilience import Loader, Post, PostgresServer, RedisServer, observe, wait_until

POOL = 4
# What an instance may still open as it comes to need it: to Postgres, and to Redis 16 for the cache and 32 for jobs.
POOLS = {"connections": POOL, "descriptors": POOL + 48}
JOB = {"kind": "reminder", "payload": {"patient": "Ada", "slot": 1}}
LONG = {"kind": "reminder", "payload": {"patient": "Ada", "slot": 1, "work_ms": 1500}}


@pytest.mark.chaos
@pytest.mark.catches("lost-job-queued", by="no_such_job")
@pytest.mark.failure_mode(
    "Redis was flushed",
    symptom="`GET /jobs/{id}` answers 404 `no_such_job` for jobs that were waiting; bookings and pages go on.",
    detection=(
        "`LLEN clinic:jobs` drops to 0 at once, `cmdstat_flushall` or `cmdstat_flushdb` of INFO commandstats has "
        'grown, and `clinic_cache_total{result="miss"}` jumps.'
    ),
    mitigation=[
        "Bookings and finished jobs are in Postgres and are safe; what waited in the queue is gone.",
        "Have those who asked for jobs ask again: ids that are answered with `no_such_job` were never done.",
        ("Find who flushed (`ACL LOG`, CLIENT LIST, deployments), and take FLUSHALL and FLUSHDB away from that user."),
    ],
)
def test_what_is_lost_is_lost_clearly_and_bookings_are_not_touched(
    clinic: Clinic, redis_server: RedisServer, postgres_server: PostgresServer, load: Loader
) -> None:
    app = clinic(pool_size=POOL)
    clinic(role="worker", name="worker", pool_size=1)
    calm = observe(app, postgres_server, queue=lambda: redis_server.command("LLEN", "clinic:jobs"), allow=POOLS)

    def ask(job: dict[str, object]) -> str:
        return str(http.post("/jobs", json=job).raise_for_status().json()["id"])

    def state(job: str) -> object:
        answer = http.get(f"/jobs/{job}").json()
        return answer.get("state", answer.get("error"))

    bookings = Post(f"{app.url}/bookings", json=lambda call: {"slot": call.index + 1, "patient": f"p{call.index}"})
    with httpx.Client(base_url=app.url) as http:
        with load(bookings, rate=50) as run:
            run.hold(1)
            running = ask(LONG)
            wait_until(lambda: state(running) == "running", within=20)
            waiting = [ask(JOB) for _ in range(3)]
            with redis_server.flushed() as episode:
                lost = {state(job) for job in (running, *waiting)}
                later = ask(JOB)
            run.hold(1)
            wait_until(lambda: state(later) == "done", within=20, what="the worker goes on")
        assert lost == {"no_such_job"}  # and not queued for ever
        assert state(running) == "done"  # the worker had it in hand, and its result is in the database
        assert {state(job) for job in waiting} == {"no_such_job"}
    assert run.samples.statuses == {201}
    assert episode.receipt.counts["keys_flushed"] >= 4
    assert calm.settled(within=5)
