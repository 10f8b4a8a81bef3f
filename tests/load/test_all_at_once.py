"""More requests are in flight at the same moment than an instance lets in. Each gets an answer, and no slot is lost.

The road to the database is frozen until all are there, so none can be over before. Those who found a place wait for
their turn; the rest is told at once that there is none. The full size is 1,000 requests, and takes no special machine.
"""

from __future__ import annotations

import re
from collections import Counter

import httpx
import pytest
from harness import Clinic, booked

from pytest_resilience import Link, Loader, Post, PostgresServer, Sized, steady, wait_until

PER_SLOT = 2  # so many want the same slot
BURST = 0.05  # seconds within which all are sent
PLACES = 0.75  # the share that is let in


def crowd(url: str) -> tuple[int, int]:
    """Return how many are inside, and how many were turned away."""
    text = httpx.get(f"{url}/metrics", timeout=10).text
    inside, away = (
        re.search(rf"^clinic_{name} (\d+)$", text, re.MULTILINE) for name in ("in_flight", "turned_away_total")
    )
    assert inside and away
    return int(inside[1]), int(away[1])


@pytest.mark.load
@pytest.mark.catches("no-admission-limit", by="number - places")
@pytest.mark.catches("no-retry-after", by="run.samples.errors")
def test_of_all_at_once_none_is_lost(
    clinic: Clinic, database_link: Link, postgres_server: PostgresServer, load: Loader, sized: Sized
) -> None:
    number = sized(quick=200, standard=500, full=1000)
    places = round(number * PLACES)
    app = clinic(
        database=database_link, slots=number, pool_size=20, pool_queue=number, max_in_flight=places,
        pool_timeout=30, request_deadline=30, db_connect_timeout=20, db_timeout=20,
    )  # fmt: skip
    booking = Post(
        f"{app.url}/bookings",
        json=lambda call: {"slot": call.index // PER_SLOT + 1, "patient": f"p{call.index}"},
        expect={201, 409, 503},
        check=lambda answer: answer.status != 503 or "retry-after" in answer.headers,
        keep=lambda answer: (answer.status, answer.json().get("slot")),
    )
    with (
        database_link.frozen() as ice,
        load(booking, rate=steady(number / BURST, lasting=BURST), deadline=40) as run,
    ):
        wait_until(lambda: sum(crowd(app.url)) == number, within=15, what="all to be there")
        assert crowd(app.url) == (places, number - places)
        ice.heal()
        run.finish()
    assert len(run.samples) == number
    assert not run.samples.errors
    told = Counter(status for status, _ in run.samples.returned)
    assert told[503] == number - places
    assert told[201] + told[409] == places
    held = booked(postgres_server)
    assert len(set(held)) == len(held)
    assert sorted(slot for status, slot in run.samples.returned if status == 201) == held
