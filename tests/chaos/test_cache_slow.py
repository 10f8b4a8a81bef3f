"""Redis is busy with slow commands, slower than the clinic waits for its cache. Readers are served past it."""

from __future__ import annotations

import pytest
from harness import Clinic

from pytest_resilience import SLO, Get, Loader, PostgresServer, RedisServer, mix, observe

POOL = 4
CACHE = 16  # connections to Redis that the cache keeps, at most; how many it has needed depends on the machine
# What an instance may still open as it comes to need it: to Postgres, and to Redis, where jobs have 32 besides.
POOLS = {"connections": CACHE, "descriptors": POOL + CACHE + 32}
PAGES = 7
TURN = 0.5  # seconds
WAIT = 0.08  # seconds: the clinic's CACHE_TIMEOUT
BACK = SLO(p50=0.25, error_rate=0.01)


@pytest.mark.chaos
@pytest.mark.catches("breaker-never-opens", by="quantile")
@pytest.mark.catches("answer-of-another", by="run.examples")
@pytest.mark.failure_mode(
    "Redis is slow",
    symptom="Pages are up to 80 ms late now and then; no errors.",
    detection=(
        '`clinic_cache_total{result="error"}` grows by time-outs while Redis answers PING; SLOWLOG GET names the '
        "commands."
    ),
    mitigation=[
        "Find the slow commands in SLOWLOG and who sends them (CLIENT LIST), and stop those clients.",
        "The clinic passes the cache by meanwhile; nothing needs to be restarted.",
    ],
)
def test_a_cache_that_is_slower_than_the_database_is_passed_by(
    clinic: Clinic, redis_server: RedisServer, postgres_server: PostgresServer, load: Loader
) -> None:
    app = clinic(pool_size=POOL, cache_timeout=WAIT)
    calm = observe(app, postgres_server, redis_server, allow=POOLS)
    reads = [
        Get(
            f"{app.url}/slots?page={page}",
            name=f"{page}",
            check=lambda answer, page=page: answer.json()["page"] == page,
        )
        for page in range(PAGES)
    ]
    with load(mix(*((1, read) for read in reads)), rate=100) as run:
        run.hold(1)
        with redis_server.slowed(TURN) as episode:
            run.hold(2.5)
        run.hold_until_recovered(episode, to=BACK)
    assert not run.examples  # nobody was refused, and each got the page that was asked for
    # Most do not wait for the cache at all: who did would take longer than this. A busy machine delays a part of them,
    # so the lower quartile says it best.
    assert run.under(episode).quantile(0.25) < 0.75 * WAIT
    assert run.under(episode).quantile(0.5) < 0.25
    assert run.recovery(episode, to=BACK) < 3
    assert calm.settled(within=5)
