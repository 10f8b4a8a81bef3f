"""How much is too much: the rate is raised until the objective is missed, and the search says where and by what.

Where the connections to the database are the limit, it is known beforehand where that is: a search that found anything
else would be wrong. What one instance stands by itself is the machine's affair, and only has a floor. The full size
searches from 100 to 5,000 a second, and wants a core for the clinic, two for the drivers and one for the rest.
"""

from __future__ import annotations

import pytest
from harness import Clinic

from pytest_resilience import SLO, Get, Link, Loader, Post, Sized, breaking_point

PROMISED = SLO(p95=0.15, error_rate=0.05)
FLOOR = 100  # a second


@pytest.mark.stress
@pytest.mark.catches("single-connection", by="knee")
@pytest.mark.failure_mode(
    "The pool of connections is the limit",
    symptom="Bookings are late, then 503 with `reason: busy`, as the rate rises.",
    detection=(
        '`clinic_pool{connections="in_use"}` equals `size` and `waiting` grows; '
        '`clinic_pool_total{event="turned_away"}` follows; the processor is not busy.'
    ),
    mitigation=[
        "Add instances, or raise POOL_SIZE as far as max_connections of the database allows.",
        "Look for statements that have become slow: the same pool carries fewer of those.",
    ],
)
def test_the_breaking_point_is_where_the_connections_end(
    clinic: Clinic, database_link: Link, load: Loader, sized: Sized
) -> None:
    precision, settle, hold = sized(quick=(0.96, 0.5, 1.0), standard=(0.1, 1.0, 3.0), full=(0.05, 2.0, 5.0))
    connections, delay = 6, 0.02  # each way: 6 connections, 40 ms and a little work for each booking
    most = connections / (2 * delay)  # a second
    app = clinic(database=database_link, pool_size=connections, slots=100_000)
    booking = Post(
        f"{app.url}/bookings",
        json=lambda call: {"slot": call.random.randrange(100_000) + 1, "patient": f"p{call.index}"},
        expect={201, 409},
    )
    with database_link.slowed(delay):
        knee = breaking_point(
            booking, load=load, slo=PROMISED, start=most / 2, top=most * 4 / 3, growth=4,
            precision=precision, settle=settle, hold=hold, usage=app.usage,
        )  # fmt: skip
    assert knee.broke_at is not None, knee
    assert most / 2 <= knee.sustained <= most, knee
    assert knee.sustained < knee.broke_at <= most * 4 / 3, knee
    assert knee.broke is not None and knee.broke.missed, knee
    said = {finding.objective for finding in knee.broke.findings if finding.outcome.value == "missed"}
    assert said and said <= {"p95", "error_rate", "throughput"}, knee


@pytest.mark.stress
@pytest.mark.catches("blocking-call", by="knee.sustained")
@pytest.mark.failure_mode(
    "More comes than an instance can serve",
    symptom="Answers are late, then 503 `overloaded`.",
    detection=(
        "`rate(clinic_requests_total)` near the rate that this scenario reports; one core at 100 %; "
        "`clinic_turned_away_total` grows."
    ),
    mitigation=[
        "Add instances before the rate is reached: the report of this scenario says what one carries.",
        "Shed what can wait (jobs, uploads) at the balancer.",
    ],
)
def test_one_instance_stands_more_than_the_floor(clinic: Clinic, load: Loader, sized: Sized) -> None:
    top = sized(quick=FLOOR, standard=2000, full=5000)
    precision, settle, hold = sized(quick=(0.9, 0.5, 1.0), standard=(0.1, 1.0, 3.0), full=(0.05, 2.0, 5.0))
    app = clinic()
    knee = breaking_point(
        Get(f"{app.url}/slots"), load=load, slo=PROMISED, start=FLOOR, top=top,
        precision=precision, settle=settle, hold=hold, usage=app.usage, drivers=sized(quick=1, standard=1, full=2),
    )  # fmt: skip
    assert knee.sustained >= FLOOR, knee
    if knee.broke_at is not None:
        assert knee.sustained < knee.broke_at <= top, knee
        assert knee.broke is not None and knee.broke.missed, knee
    assert knee.usage is not None and knee.usage.readings, knee
