"""Each dependency with each of its faults: refused clearly or served meanwhile, nothing lost, served again after it.

What is told in depth elsewhere for some of these is asked here of all of them, so that none is left out.
"""

from __future__ import annotations

import httpx
import pytest
from harness import Clinic

from pytest_resilience import Fault, Link, Loader, Post, PostgresServer, fault_matrix, wait_until

MATRIX = fault_matrix(
    {
        "redis_server": "killed paused restarted",
        "postgres_server": "killed paused restarted",
        "database_link": {"severed": (), "frozen": (), "slowed": (0.05,)},
    }
)


@pytest.mark.chaos
@pytest.mark.catches("cache-required", by="run.samples.statuses")
@pytest.mark.failure_mode(
    "A dependency fails, whichever it is",
    symptom="Bookings are made, or are 503 that names the dependency; never a 500, never a hang.",
    detection="`/ready` is 503 and names it in `missing`; `clinic_breaker_state` tells which breaker is open.",
    mitigation=[
        "Go by the dependency that is named, to the runbook of its own failure.",
        "A 500 or a time-out of a client is a bug of the clinic: keep its log.",
    ],
)
@pytest.mark.parametrize("matrix_fault", MATRIX, indirect=True)
def test_bookings_are_kept_or_refused_clearly_and_go_on(
    matrix_fault: Fault, clinic: Clinic, database_link: Link, postgres_server: PostgresServer, load: Loader
) -> None:
    app = clinic(database=database_link, breaker_cooldown=0.2)
    bookings = Post(
        f"{app.url}/bookings",
        json=lambda call: {"slot": call.index + 1, "patient": f"patient {call.index}"},
        expect={201, 503},
        keep=lambda answer: (answer.status, answer.json()),
    )
    with load(bookings, rate=60) as run:
        run.hold(0.3)
        with matrix_fault as outage:
            run.hold(0.6)
        run.hold(0.2)

    def booked() -> bool:
        last = {"slot": 1000, "patient": "the last one"}
        return httpx.post(f"{app.url}/bookings", json=last, timeout=5).status_code == 201

    wait_until(booked, within=10, every=0.05)
    assert not run.examples  # no crash, no hang, no broken answer
    if outage.name.startswith("redis."):  # the cache is optional
        assert run.samples.statuses == {201}
    answers = [kept for kept in run.samples.returned if isinstance(kept, tuple)]
    assert {body["dependency"] for status, body in answers if status == 503} <= {"database"}
    acknowledged = {(body["slot"], body["patient"]) for status, body in answers if status == 201}
    held = {(int(slot or 0), patient) for slot, patient in postgres_server.query("SELECT slot, patient FROM bookings")}
    assert (1, "patient 0") in acknowledged and acknowledged <= held
