"""Redis is restarted and takes long to read its data back. Slots are served, and what was queued is still there."""

from __future__ import annotations

import httpx
import pytest
from harness import Clinic

from pytest_resilience import SLO, Get, Loader, PostgresServer, RedisServer, observe

POOL = 4
# What an instance may still open as it comes to need it: to Postgres, and to Redis 16 for the cache and 32 for jobs.
POOLS = {"connections": POOL, "descriptors": POOL + 48}
JOB = {"kind": "reminder", "payload": {"patient": "Ada", "slot": 1}}
BACK = SLO(p50=0.25, error_rate=0.01)


@pytest.mark.chaos
@pytest.mark.catches("ready-lies", by="ready.status_code")
@pytest.mark.failure_mode(
    "Redis is reading its data back",
    symptom="Slots are served; `/jobs` is refused with `dependency: redis`; what was queued waits.",
    detection=(
        "`/ready` is 503 that names `redis`; Redis answers `LOADING` and INFO has `loading:1` with "
        "`loading_eta_seconds`."
    ),
    mitigation=[
        "Wait for `loading_eta_seconds`; a restart begins it again from the start.",
        "If that is too long, promote a replica, which has its data in memory.",
    ],
)
def test_a_loading_redis_is_waited_for_and_nothing_is_lost(
    clinic: Clinic, redis_server: RedisServer, postgres_server: PostgresServer, load: Loader
) -> None:
    app = clinic(pool_size=POOL)
    calm = observe(app, postgres_server, allow=POOLS)
    queued = [httpx.post(f"{app.url}/jobs", json=JOB).json()["id"] for _ in range(3)]
    with load(Get(f"{app.url}/slots", expect=200), rate=100) as run:
        run.hold(1)
        with redis_server.restarted(graceful=False):
            pass
        with redis_server.loading() as episode:
            run.hold(1.5)
            ready = httpx.get(f"{app.url}/ready")
            refused = httpx.post(f"{app.url}/jobs", json=JOB)
        run.hold_until_recovered(episode, to=BACK)
        states = [httpx.get(f"{app.url}/jobs/{job}").json()["state"] for job in queued]
        accepted = httpx.post(f"{app.url}/jobs", json=JOB)
    assert not run.examples  # nobody was refused
    # Served past it: nobody would be so quick if each waited for the cache. The lower quartile says so on any machine.
    assert run.under(episode).quantile(0.25) < 0.05
    assert run.under(episode).quantile(0.5) < 0.25
    assert (ready.status_code, ready.json().get("missing")) == (503, ["redis"])
    assert (refused.status_code, refused.json()["dependency"]) == (503, "redis")
    assert states == ["queued"] * 3
    assert accepted.status_code == 202
    assert run.recovery(episode, to=BACK) < 3
    assert calm.settled(within=5)
