"""The cache hangs: it accepts connections and never answers. Only the first few requests pay for finding out."""

from __future__ import annotations

import pytest

from pytest_resilience import SLO, Get, Loader, RedisServer, Service

BACK = SLO(p95=0.5, error_rate=0.01)


@pytest.mark.chaos
@pytest.mark.catches("no-cache-timeout", by=("run.examples", "met_by"))
@pytest.mark.catches("breaker-never-opens", by=("met_by", "quantile"))
@pytest.mark.failure_mode(
    "Redis hangs",
    symptom=(
        "A few pages are late by 80 ms; then all is as before, but for more reads of the database. `/jobs` is "
        "refused with `dependency: redis`."
    ),
    detection=(
        '`/ready` is 503 with `redis: timeout`; `clinic_breaker_state{breaker="cache",state="OPEN"}`; Redis takes '
        "connections and answers no PING."
    ),
    mitigation=[
        ("Look for one slow command (SLOWLOG, KEYS, a large DEL), a fork for a snapshot, or a host that swaps."),
        "If it does not come back, restart it: what it holds is in its append-only file.",
        ('Watch the pool of the database meanwhile (`clinic_pool{connections="waiting"}`): it carries the reads.'),
    ],
)
def test_a_hung_cache_does_not_hang_its_readers(app: Service, redis_server: RedisServer, load: Loader) -> None:
    with load(Get(f"{app.url}/slots", expect=200), rate=300) as run:
        run.hold(1.5)
        with redis_server.paused() as hang:
            run.hold(2)
        run.hold_until_recovered(hang, to=BACK)
    assert not run.examples  # nobody was refused
    assert SLO(p95=0.5, error_rate=0.01).met_by(run.during(hang))
    assert run.during(hang).quantile(0.5) < 0.05  # most do not wait for the cache at all
    assert run.recovery(hang, to=BACK) < 5
