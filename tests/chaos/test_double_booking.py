"""Many want the same slot at the same moment, on two instances. One gets it; the rest are told so."""

from __future__ import annotations

from collections import Counter

import pytest
from harness import Clinic

from pytest_resilience import Loader, Post, PostgresServer

SLOTS = 20


@pytest.mark.chaos
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
        runs.append(load(wanted, rate=150))
    with runs[0] as one, runs[1] as two, postgres_server.connections_terminated(optional=False):
        one.hold(3)
    told = Counter(run_returned for run in (one, two) for run_returned in run.samples.returned)
    given = Counter(slot for (status, slot), times in told.items() for _ in range(times) if status == 201)
    held = Counter(int(slot or 0) for (slot,) in postgres_server.query("SELECT slot FROM bookings"))
    assert max(held.values()) == 1
    assert set(held) == set(range(1, SLOTS + 1))
    assert max(given.values()) == 1
    assert {status for status, _ in told} == {201, 409}
