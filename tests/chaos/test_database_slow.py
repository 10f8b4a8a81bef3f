"""The database is far away all of a sudden: bookings take longer, by the distance, not by a queue, and all succeed."""

from __future__ import annotations

import pytest

from pytest_resilience import SLO, Link, Loader, Post, Service

FAR, JITTER = 0.015, 0.003  # seconds each way
BACK = SLO(p95=0.5, error_rate=0.01)


@pytest.mark.chaos
@pytest.mark.catches("single-connection", by="met_by")
@pytest.mark.failure_mode(
    "The database is far away",
    symptom="Bookings take longer, by the distance times the round trips; all succeed.",
    detection=(
        "`clinic_request_seconds_sum / _count` grows on every route with a database, by the same time; `ping` of "
        "the database's host shows it."
    ),
    mitigation=[
        "Find where the way has become longer: a failover to another zone, a VPN, a route.",
        (
            'Watch `clinic_pool{connections="waiting"}`: when it grows, requests are about to be turned away, '
            "and POOL_SIZE is too small for this distance."
        ),
    ],
)
def test_bookings_bear_a_slow_road_to_the_database(app_over_link: Service, database_link: Link, load: Loader) -> None:
    bookings = Post(
        f"{app_over_link.url}/bookings", json=lambda call: {"slot": call.index + 1, "patient": f"p{call.index}"}
    )
    with load(bookings, rate=80) as run:
        run.hold(1)
        with database_link.slowed(FAR, jitter=JITTER) as distance:
            run.hold(5)
        run.hold_until_recovered(distance, to=BACK)
    slow = run.under(distance)
    assert SLO(p95=0.5, error_rate=0.01).met_by(slow)
    assert min(slow.latencies) >= 2 * (FAR - JITTER)  # every booking made the journey
    assert run.recovery(distance, to=BACK) < 3
