"""Redis refuses writes, as a replica or with its memory full. Slots are served; jobs are refused clearly."""

from __future__ import annotations

import pytest
from harness import Clinic

from pytest_resilience import SLO, Get, Loader, Post, PostgresServer, RedisServer, mix, observe

POOL = 4
# What an instance may still open as it comes to need it: to Postgres, and to Redis 16 for the cache and 32 for jobs.
POOLS = {"connections": POOL, "descriptors": POOL + 48}
JOB = {"kind": "reminder", "payload": {"patient": "Ada", "slot": 1}}
BACK = SLO(p50=0.25, error_rate=0.01)


@pytest.mark.chaos
@pytest.mark.catches("cache-required", by='named("read").statuses')
@pytest.mark.failure_mode(
    "Redis refuses writes",
    symptom=(
        "Slots are served, from the database more and more; `/jobs` is refused with `dependency: redis`, nothing is"
        " half queued."
    ),
    detection=(
        "Redis answers `READONLY` (it is a replica) or `OOM command not allowed` (`used_memory` at `maxmemory`); "
        '`clinic_cache_total{result="error"}` grows while `/ready` may well be 200.'
    ),
    mitigation=[
        "READONLY: the address leads to a replica; point it at the primary, or promote this one.",
        (
            "OOM: raise `maxmemory` or find the keys that grow (`redis-cli --bigkeys`); the cache's own keys "
            "expire within `CACHE_TTL`."
        ),
        "Jobs that were refused were not taken: their senders may repeat them.",
    ],
)
@pytest.mark.parametrize("how", ["read_only", "out_of_memory"])
def test_slots_are_served_and_jobs_are_refused_clearly(
    clinic: Clinic, redis_server: RedisServer, postgres_server: PostgresServer, load: Loader, how: str
) -> None:
    app = clinic(pool_size=POOL)
    calm = observe(app, postgres_server, allow=POOLS)
    read = Get(f"{app.url}/slots", name="read", expect=200)
    ask = Post(f"{app.url}/jobs", json=JOB, name="ask", expect={202, 503}, keep=lambda answer: answer.json())
    fault = redis_server.read_only() if how == "read_only" else redis_server.out_of_memory()
    with load(mix((3, read), (1, ask)), rate=80) as run:
        run.hold(1)
        with fault as episode:
            run.hold(2)
        run.hold_until_recovered(episode, to=BACK)
    assert run.samples.named("read").statuses == {200}
    assert run.under(episode).named("read").quantile(0.25) < 0.05  # a refusal is no wait
    refused = run.under(episode).named("ask")
    assert refused.statuses == {503}
    assert {said["dependency"] for said in refused.returned} == {"redis"}
    assert run.recovery(episode, to=BACK) < 3

    accepted = {said["id"] for said in run.samples.returned if "id" in said}
    queued = redis_server.command("LRANGE", "clinic:jobs", 0, -1)
    assert isinstance(queued, list)
    assert accepted == set(queued)  # nothing that was accepted is lost, and nothing that was refused is there
    assert calm.settled(within=5)
