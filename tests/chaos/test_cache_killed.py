"""The cache dies in use. It is optional: slots come from the database meanwhile, and nobody is refused."""

from __future__ import annotations

import pytest

from pytest_resilience import SLO, Get, Loader, RedisServer, Service

READS = SLO(p95=0.5, error_rate=0.01)


@pytest.mark.chaos
@pytest.mark.catches("cache-required", by=("run.examples", "status 503"))
@pytest.mark.failure_mode(
    "Redis is gone",
    symptom=(
        "Slots and bookings are served as before, a little slower; `/jobs` and rooms are refused with `dependency: "
        "redis`."
    ),
    detection=(
        '`/ready` is 503 with `redis: refused`; `clinic_cache_total{result="error"}` and then `skipped` grow; '
        "workers log `no queue: ConnectionError`."
    ),
    mitigation=[
        "Start Redis again; nobody has to be restarted, the clinic tries it every `CACHE_COOLDOWN` (0.5 s).",
        'Watch `clinic_pool{connections="waiting"}` until then: all reads go to the database.',
        "Afterwards look at why it ended: the kernel's log for an OOM kill, its own log for the last words.",
    ],
)
def test_slots_are_served_while_the_cache_is_dead(app: Service, redis_server: RedisServer, load: Loader) -> None:
    with load(Get(f"{app.url}/slots", expect=200), rate=300) as run:
        run.hold(1.5)
        with redis_server.killed() as outage:
            run.hold(2)
        run.hold_until_recovered(outage, to=READS)
    assert READS.met_by(run.before(outage))
    assert not run.examples  # nobody was refused
    assert SLO(p95=0.5, error_rate=0.01).met_by(run.during(outage))
    assert run.recovery(outage, to=READS) < 5
