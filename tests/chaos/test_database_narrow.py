"""The road to the database becomes narrow: every answer takes the time of its bytes, and none is refused."""

from __future__ import annotations

import httpx
import pytest

from pytest_resilience import SLO, Get, Link, Loader, Service

RATE = 10_000  # bytes a second, on each connection
BACK = SLO(p95=0.5)


@pytest.mark.chaos
@pytest.mark.catches("blocking-call", by=("met_by", "statuses"))
@pytest.mark.failure_mode(
    "The road to the database is narrow",
    symptom="Answers are later the larger they are; none is refused.",
    detection=(
        "`clinic_request_seconds_sum / _count` grows, most on routes with large answers, while processor time and "
        "the database's own timings do not."
    ),
    mitigation=[
        (
            "Look at the bandwidth of the path: another's backup or copy, a traffic shaper, a link that fell "
            "back to a lower speed."
        ),
        "Stop or slow down what fills it; the clinic needs nothing.",
    ],
)
def test_answers_take_the_time_of_their_bytes(app_over_link: Service, database_link: Link, load: Loader) -> None:
    slot = f"{app_over_link.url}/slots/7"  # never cached
    httpx.get(slot).raise_for_status()
    before = database_link.traffic.bytes_down
    httpx.get(slot).raise_for_status()
    answer = database_link.traffic.bytes_down - before
    assert answer > 100
    with load(Get(slot), rate=40) as run:
        run.hold(2)
        with database_link.throttled(RATE, direction="downstream") as narrow:
            run.hold(3)
        run.hold_until_recovered(narrow, to=BACK)
    slow = run.under(narrow)
    assert min(slow.latencies) >= answer / RATE
    assert SLO(p95=0.5).met_by(slow)
    assert run.samples.statuses == {200}
    assert run.recovery(narrow, to=BACK) < 3
