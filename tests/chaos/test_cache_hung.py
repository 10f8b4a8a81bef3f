"""The cache hangs: it accepts connections and never answers. Only the first few requests pay for finding out."""

from __future__ import annotations

import pytest

from pytest_resilience import SLO, Get, Loader, RedisServer, Service


@pytest.mark.chaos
def test_a_hung_cache_does_not_hang_its_readers(app: Service, redis_server: RedisServer, load: Loader) -> None:
    with load(Get(f"{app.url}/slots", expect=200), rate=300) as run:
        run.hold(1.5)
        with redis_server.paused() as hang:
            run.hold(2)
        run.hold(2)
    assert not run.examples  # nobody was refused
    assert SLO(p95=0.5, error_rate=0.01).met_by(run.during(hang))
    assert run.during(hang).quantile(0.5) < 0.05  # most do not wait for the cache at all
    assert run.recovery(hang, to=SLO(p95=0.25, error_rate=0.01)) < 5
