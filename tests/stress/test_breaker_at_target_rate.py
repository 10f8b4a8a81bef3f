"""The database is cut off under the target load. The breaker keeps the load away from it, tries it, and lets go again.

CLOSED, OPEN, HALF_OPEN, CLOSED, all while requests keep coming: before it and after it they are served within the
objective, in between the refusals are as quick as answers. The full size is ten minutes of it, on any two cores.
"""

from __future__ import annotations

import time
from itertools import pairwise

import httpx
import pytest
from harness import Clinic

from pytest_resilience import SLO, Get, Link, Loader, Post, Sized

SERVED = SLO(p95=0.5, error_rate=0)
BOOKINGS, READS = 50, 100
COOLDOWN = 0.5
WARM = 1  # second in which the pools are filled
ALLOWED = {("CLOSED", "OPEN"), ("OPEN", "HALF_OPEN"), ("HALF_OPEN", "OPEN"), ("HALF_OPEN", "CLOSED")}


@pytest.mark.stress
@pytest.mark.catches("breaker-never-opens", by="assert history")
@pytest.mark.catches("errors-swallowed", by="pages")
@pytest.mark.failure_mode(
    "The database is cut off at full load",
    symptom="All bookings are 503 at once, at the full rate; instances stay quick and small.",
    detection='`clinic_breaker_state{breaker="database",state="OPEN"}` while `rate(clinic_requests_total)` is as ever.',
    mitigation=[
        "Mend the road to the database; do not add instances, they would only add probes.",
        "When it is back, watch p95 for a minute: the whole load returns at once.",
    ],
)
def test_the_breaker_goes_round_under_the_target_load(
    clinic: Clinic, database_link: Link, load: Loader, sized: Sized
) -> None:
    calm, cut = sized(quick=(2, 2), standard=(20, 10), full=(290, 20))
    app = clinic(
        database=database_link,
        slots=BOOKINGS * (2 * calm + cut + 30 + WARM),
        breaker_cooldown=COOLDOWN,
        db_connect_timeout=0.3,
    )
    booking = Post(f"{app.url}/bookings", json=lambda call: {"slot": call.index + 1, "patient": f"p{call.index}"})
    page = Get(f"{app.url}/slots", keep=lambda answer: (answer.status, len(answer.json().get("slots", ()))))
    began = time.time()
    with load(booking, rate=BOOKINGS) as bookings, load(page, rate=READS) as reads:
        bookings.hold(WARM + calm)
        with database_link.severed() as outage:
            bookings.hold(cut)
        bookings.hold(3 * COOLDOWN + calm)
    ended = time.time()

    breaker = httpx.get(f"{app.url}/breaker", timeout=10).json()
    history = breaker["history"]
    assert history, "the breaker never opened"
    went = [history[0]["from"], *(change["to"] for change in history)]
    assert breaker["state"] == "CLOSED"
    assert went[:3] == ["CLOSED", "OPEN", "HALF_OPEN"]
    assert went[-2:] == ["HALF_OPEN", "CLOSED"]
    assert set(pairwise(went)) <= ALLOWED
    assert 2 <= went.count("HALF_OPEN") <= cut / COOLDOWN + 4  # it is tried now and then, and no more often
    assert all(began < change["at"] < ended for change in history)

    for run in (bookings, reads):
        assert SERVED.met_by(run.before(outage).between(run.began + WARM, outage.striking))
    pages = {entries for status, entries in reads.samples.returned if status == 200}
    assert pages == {20}  # a page is whole, or it is refused
    refused = bookings.under(outage)
    assert refused.statuses == {503}
    assert refused.quantile(0.5) < 0.05
    assert refused.rate > 0.9 * BOOKINGS
    assert bookings.recovery(outage, to=SLO(p95=0.5, error_rate=0.01)) < 3 * COOLDOWN + 1
    late = bookings.began + bookings.elapsed - calm + 0.5
    assert SERVED.met_by(bookings.samples.between(late, late + calm))
    assert SERVED.met_by(reads.samples.between(late, late + calm))
