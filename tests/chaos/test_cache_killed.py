"""The cache dies in use. It is optional: slots come from the database meanwhile, and nobody is refused."""

from __future__ import annotations

import pytest

from pytest_resilience import SLO, Get, Loader, RedisServer, Service

READS = SLO(p95=0.25, error_rate=0.01)


@pytest.mark.chaos
def test_slots_are_served_while_the_cache_is_dead(app: Service, redis_server: RedisServer, load: Loader) -> None:
    with load(Get(f"{app.url}/slots", expect=200), rate=300) as run:
        run.hold(1.5)
        with redis_server.killed() as outage:
            run.hold(2)
        run.hold(2)
    assert READS.met_by(run.before(outage))
    assert not run.examples  # nobody was refused
    assert SLO(p95=0.5, error_rate=0.01).met_by(run.during(outage))
    assert run.recovery(outage, to=READS) < 5
