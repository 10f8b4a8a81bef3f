"""Users come one after the other until all are there, and stay. None waits long, and none is kept from coming back.

Users wait for their answers, so a service that stalls is asked less, and its latencies look better than they were: that
it answered as often as so many users ask is judged too. The full size, 1,000 users, is about 500 requests a second: the
service takes most of a core, and the driver, Postgres and Redis another.
"""

from __future__ import annotations

import pytest
from harness import Clinic, booked

from pytest_resilience import (
    SLO,
    Get,
    Loader,
    Post,
    PostgresServer,
    Sized,
    mix,
    nothing_doubled,
    nothing_lost,
    ramp,
    steady,
)

VISIT = SLO(p95=0.5, p99=1, error_rate=0.01)
ROUND = 10  # of so many calls, one is a booking


@pytest.mark.load
@pytest.mark.catches("blocking-call", by=("arrived.rate", "met_by"))
def test_users_who_come_gradually_are_all_served(
    clinic: Clinic, postgres_server: PostgresServer, load: Loader, sized: Sized
) -> None:
    users = sized(quick=40, standard=200, full=1000)
    over, hold = sized(quick=(2, 4), standard=(30, 60), full=(300, 600))
    low, high = sized(quick=(0.1, 0.3), standard=(0.5, 1.5), full=(1.0, 3.0))
    asked = 2 * users / (low + high)  # requests a second, where answers take no time
    app = clinic(slots=round(asked * (over + hold) / ROUND) + users)
    page = Get(f"{app.url}/slots")
    booking = Post(
        f"{app.url}/bookings",
        json=lambda call: {"slot": call.index // ROUND + 1, "patient": f"p{call.user}"},
        keep=lambda answer: answer.json()["slot"],
    )
    with load(
        mix((ROUND - 1, page), (1, booking)),
        users=ramp(0, users, over=over) + steady(users, lasting=hold),
        think=(low, high),
    ) as run:
        run.finish()
    arrived = run.samples.between(run.began + over, run.began + over + hold)
    assert arrived.rate > 0.7 * asked
    assert VISIT.met_by(run.samples)
    assert VISIT.met_by(arrived)
    booked_or_refused, held = run.samples.named("POST /bookings"), booked(postgres_server)
    assert booked_or_refused.statuses <= {201, 503}
    assert nothing_lost(run.samples.returned, held)
    assert nothing_doubled(held)
    assert len(held) <= len(run.samples.returned) + booked_or_refused.failures
