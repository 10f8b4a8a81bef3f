"""More requests are in flight at the same moment than an instance lets in. Each gets an answer, and no slot is lost.

The road to the database is slow, so that none can be over before all are there. What the door lets in waits for its
turn; the rest is told so at once. The full size is 1,000 requests, and takes no special machine.
"""

from __future__ import annotations

from collections import Counter

import pytest
from harness import Clinic, booked, most_at_once

from pytest_resilience import SLO, Link, Loader, Post, PostgresServer, Sized, steady

PER_SLOT = 2  # so many want the same slot
BURST = 0.05  # seconds within which all come
PLACES = 0.75  # the share that is let in


@pytest.mark.load
def test_of_all_at_once_none_is_lost(
    clinic: Clinic, database_link: Link, postgres_server: PostgresServer, load: Loader, sized: Sized
) -> None:
    number = sized(quick=200, standard=500, full=1000)
    places = round(number * PLACES)
    app = clinic(
        database=database_link, slots=number, pool_size=50, pool_queue=number, max_in_flight=places,
        pool_timeout=20, request_deadline=20,
        db_connect_timeout=10, db_timeout=10,
    )  # fmt: skip
    booking = Post(
        f"{app.url}/bookings",
        json=lambda call: {"slot": call.index // PER_SLOT + 1, "patient": f"p{call.index}"},
        expect={201, 409, 503},
        check=lambda answer: answer.status != 503 or (answer.json()["outcome"], "retry-after" in answer.headers),
        keep=lambda answer: (answer.status, answer.json().get("slot")),
    )
    with database_link.slowed(0.15), load(booking, rate=steady(number / BURST, lasting=BURST), deadline=40) as run:
        run.finish()
    assert len(run.samples) == number
    assert not run.samples.errors
    assert most_at_once(run.samples) > number // 2
    assert SLO(p95=15, error_rate=0).met_by(run.samples)
    told = Counter(status for status, _ in run.samples.returned)
    assert told[201] + told[409] >= places
    assert told[503] > 0
    held = booked(postgres_server)
    assert len(set(held)) == len(held)
    assert sorted(slot for status, slot in run.samples.returned if status == 201) == held
