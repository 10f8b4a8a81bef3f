"""An instance crashes with a booking in flight. Its patient sees the connection end, asks again, and has it once."""

from __future__ import annotations

import httpx
import pytest
from harness import Clinic

from pytest_resilience import Link, PostgresServer

ENDED = httpx.ReadError, httpx.RemoteProtocolError, httpx.WriteError


@pytest.mark.chaos
@pytest.mark.catches("idempotency-key-ignored", by="book(broken_off)")
@pytest.mark.failure_mode(
    "An instance crashes with a booking in flight",
    symptom="The patient's connection is closed without an answer.",
    detection=(
        "Connection resets at the balancer, with `up == 0` of that instance; there is no line of the request in its"
        " log."
    ),
    mitigation=[
        ("The client repeats with the same Idempotency-Key: it gets the booking, whether or not it had been made."),
        "Without a key nobody can know: look for the booking by patient and slot before it is made again.",
    ],
)
def test_a_booking_in_flight_ends_clearly_and_is_repeated_safely(
    clinic: Clinic, database_link: Link, postgres_server: PostgresServer
) -> None:
    app = clinic(database=database_link, db_timeout=3, request_deadline=6)
    with httpx.Client(base_url=app.url, timeout=20) as client:

        def book(slot: int) -> int:
            booking, key = {"slot": slot, "patient": f"patient {slot}"}, {"Idempotency-Key": f"key {slot}"}
            return client.post("/bookings", json=booking, headers=key).status_code

        made = list(range(1, 11))
        assert [book(slot) for slot in made] == [201] * len(made)
        # Each booking is under way for long enough to be met there, also where it takes a while to freeze a container.
        with database_link.slowed(0.1), app.crashed_when(in_flight=1) as crash:
            # Clearly: the connection ends, which is neither a time-out nor an answer that could be taken for one.
            with pytest.raises(ENDED):
                for slot in range(11, 40):
                    assert book(slot) == 201
                    made.append(slot)
            broken_off = len(made) + 1
            with pytest.raises((httpx.ConnectError, *ENDED)):  # its door may close a moment after its connections
                book(broken_off)
        assert crash.receipt.counts["requests_in_flight"] == 1
        assert book(broken_off) in {200, 201}  # it had been made, or it is made now
        assert book(broken_off) == 200
        assert [book(slot) for slot in made[-10:]] == [200] * 10  # known as well
    held = [int(slot or 0) for (slot,) in postgres_server.query("SELECT slot FROM bookings ORDER BY slot")]
    assert held == [*made, broken_off]
