"""More bookings come than the database can take. The surplus is turned away at once, and leaves no trace."""

from __future__ import annotations

import pytest
from harness import Clinic

from pytest_resilience import SLO, Link, Loader, Post, Sized

SERVED = SLO(p95=0.25, error_rate=0.01)
POOL, CACHE = 4, 16  # connections to Postgres and to Redis that an instance opens as it comes to need them


@pytest.mark.stress
@pytest.mark.catches("endless-queue", by="met_by")
@pytest.mark.failure_mode(
    "More bookings come than the database can take",
    symptom="The surplus is 503 with `reason: busy` within `POOL_TIMEOUT` (0.25 s); the rest is served.",
    detection=(
        '`clinic_pool_total{event="turned_away"}` grows, `clinic_pool{connections="waiting"}` is at its most, and '
        "the breaker stays closed."
    ),
    mitigation=[
        "Find what made the database slow, or why so many come: a campaign, a client without backoff.",
        "Let it shed: raising POOL_QUEUE turns refusals into waiting.",
        "Clients come back after `Retry-After`.",
    ],
)
def test_overload_is_shed_and_leaves_no_trace(clinic: Clinic, database_link: Link, load: Loader, sized: Sized) -> None:
    seconds = sized(quick=4, standard=30, full=300)
    app = clinic(database=database_link, pool_size=POOL, slots=100 * (seconds + 5))
    booking = Post(f"{app.url}/bookings", json=lambda call: {"slot": call.index + 1, "patient": f"p{call.index}"})
    with load(booking, rate=100) as run:
        run.hold(1)
        calm = app.usage()
        with database_link.slowed(0.05) as squeeze:  # four connections, 0.1 s each: 40 of 100 bookings a second
            run.hold(seconds)
        run.hold(3)
    surplus = run.under(squeeze)
    assert surplus.statuses == {201, 503}
    assert SLO(p95=0.75, error_rate=1).met_by(surplus)  # refused or served, nobody waits for long
    assert surplus.succeeded / surplus.duration > 20  # and what can be done is done
    assert run.recovery(squeeze, to=SERVED) < 5
    after = app.usage()
    assert after.rss < 1.5 * calm.rss
    assert after.threads == calm.threads
    if after.descriptors is not None and calm.descriptors is not None:
        assert after.descriptors <= calm.descriptors + POOL + CACHE  # the pools are full; of 200 turned away, nothing
