"""Patients of a Locust file come one after the other, until all are there: they look, book, and find what they booked.

The full size is 1,000 patients, who make 500 requests a second: a core for the clinic, half of one for Locust.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from harness import Clinic, booked

from pytest_resilience import SLO, Loader, Locustfile, PostgresServer, Sized, ramp, steady

JOURNEYS = Path(__file__).with_name("journeys.py")
NAMES = ("GET /slots", "POST /bookings", "GET /slots/{id}")
VISIT = SLO(p95=0.5, p99=1, error_rate=0.01)


@pytest.mark.load
@pytest.mark.catches("blocking-call", by=("arrived.rate", "met_by"))
def test_patients_who_come_gradually_book_what_they_find(
    clinic: Clinic, postgres_server: PostgresServer, load: Loader, sized: Sized
) -> None:
    patients = sized(quick=30, standard=200, full=1000)
    over, hold = sized(quick=(2, 3), standard=(30, 60), full=(300, 600))
    think = sized(quick=0.2, standard=1.0, full=2.0)
    asked = patients / think
    app = clinic(slots=round(asked * (over + hold)))
    journeys = Locustfile(JOURNEYS, user="Patient", host=app.url, arguments=("--think", str(think)))
    with load(journeys, users=ramp(0, patients, over=over) + steady(patients, lasting=hold)) as run:
        run.finish()
    arrived = run.samples.between(run.began + over, run.began + over + hold)
    assert arrived.rate > 0.6 * asked
    assert VISIT.met_by(run.samples)
    assert set(run.samples.names) == set(NAMES)
    assert not run.samples.errors
    seen = Counter(each.status for each in run.samples.named("POST /bookings"))
    assert seen.keys() <= {201, 409}
    assert len(booked(postgres_server)) == seen[201] > 0
