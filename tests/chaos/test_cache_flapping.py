"""The cache comes and goes. It is optional: slots are served all the time, from wherever they are to be had."""

from __future__ import annotations

import pytest
from harness import Clinic

from pytest_resilience import SLO, Get, Linker, Loader, RedisServer

READS = SLO(p95=0.5, error_rate=0.01)


@pytest.mark.chaos
@pytest.mark.catches("cache-required", by=("met_by", "statuses"))
@pytest.mark.failure_mode(
    "The cache comes and goes",
    symptom=(
        "Slots are served throughout; some pages take up to `CACHE_TIMEOUT` (80 ms) longer, and the database has "
        "more reads."
    ),
    detection=(
        '`rate(clinic_cache_total{result=~"error|skipped"})` in waves; `breaker cache:` changes again and again in '
        "the log."
    ),
    mitigation=[
        "Look at Redis' own restarts (`uptime_in_seconds` of INFO), its memory limit and the network to it.",
        ("If it does not settle, stop it: a cache that is surely gone costs less than one that is there now and then."),
    ],
)
def test_a_flapping_cache_refuses_nobody(clinic: Clinic, link: Linker, redis_server: RedisServer, load: Loader) -> None:
    cache = link(redis_server, name="cache")
    app = clinic(cache=cache)
    read = Get(f"{app.url}/slots", expect=200, keep=lambda answer: answer.headers["x-source"])
    with load(read, rate=250) as run:
        run.hold(2)
        with cache.flapping(up=0.4, down=0.3, jitter=0.5) as flapping:
            run.hold(4)
        run.hold_until_recovered(flapping, to=READS)
    assert READS.met_by(run.before(flapping))
    under = run.under(flapping)
    assert SLO(p95=0.5, error_rate=0.01).met_by(under)
    assert under.statuses == {200}
    assert set(under.returned) == {"cache", "database"}  # it was used whenever it was there
    assert flapping.receipt.counts["times_down"] >= 3
    assert flapping.receipt.counts["connections_cut"]
    assert run.recovery(flapping, to=READS) < 3
