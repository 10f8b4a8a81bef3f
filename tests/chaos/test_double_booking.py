"""Many want the same slot at the same moment, on two instances. One gets it; the rest are told so."""

from __future__ import annotations

from collections import Counter

import pytest
from harness import Clinic

from pytest_resilience import Loader, Post, PostgresServer

SLOTS = 20


@pytest.mark.chaos
@pytest.mark.catches("double-booking", by="max(held.values())")
@pytest.mark.catches("taken-slot-acknowledged", by="max(given.values())")
@pytest.mark.catches("lock-kept", by="error_rate")
@pytest.mark.failure_mode(
    "Many want the same slot at once",
    symptom="All but one are 409 `slot_taken`.",
    detection=(
        'A wave of `clinic_requests_total{route="/bookings",status="409"}`. Two rows of one slot in `bookings` may '
        "never be: alert on it."
    ),
    mitigation=[
        "Nothing: the constraint in the database decides, whatever the instances do.",
        (
            "If two rows are ever found, the unique constraint is missing: stop bookings, and restore it before"
            " anything else."
        ),
    ],
)
def test_a_slot_is_never_given_twice(clinic: Clinic, postgres_server: PostgresServer, load: Loader) -> None:
    instances = clinic(name="one"), clinic(name="two")
    runs = []
    for instance in instances:
        wanted = Post(
            f"{instance.url}/bookings",
            json=lambda call: {"slot": call.index // 20 % SLOTS + 1, "patient": f"patient {call.index}"},
            expect={201, 409},
            keep=lambda answer: (answer.status, answer.json().get("slot")),
        )
        # Users who never wait are there at once; arrivals at two even rates may pass each other by for all of the time.
        runs.append(load(wanted, users=8))
    with runs[0] as one, runs[1] as two:
        one.hold(1.5)
        with postgres_server.connections_terminated() as cut:
            one.hold(1.5)
    told = Counter(run_returned for run in (one, two) for run_returned in run.samples.returned)
    given = Counter(slot for (status, slot), times in told.items() for _ in range(times) if status == 201)
    held = Counter(int(slot or 0) for (slot,) in postgres_server.query("SELECT slot FROM bookings"))
    for run in (one, two):
        assert run.before(cut).error_rate < 0.05  # nobody is kept waiting for what another has
    assert max(held.values()) == 1
    assert set(held) == set(range(1, SLOTS + 1))
    assert max(given.values()) == 1
    assert {status for status, _ in told} == {201, 409}
