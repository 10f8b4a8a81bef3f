"""An instance, or a worker, is told to end in the middle of its work. What it has begun it finishes, and says so."""

from __future__ import annotations

import pytest
from harness import Clinic, booked

from pytest_resilience import Link, Loader, Post, PostgresServer, Service, wait_until

CENTS = 100


@pytest.mark.chaos
@pytest.mark.failure_mode(
    "An instance is told to end",
    symptom="None: what has begun is answered, what comes later is refused and goes to another instance.",
    detection="Its log ends with `stopped`; `up == 0` of one instance.",
    mitigation=[
        "Take it out of the balancer first, so that nobody is refused.",
        "Where work takes longer than GRACE (2 s), raise it, and the supervisor's patience above it.",
    ],
)
@pytest.mark.catches("cut-on-sigterm", by="booked(postgres_server)")
def test_who_is_being_booked_as_an_instance_ends_is_told(
    clinic: Clinic, database_link: Link, postgres_server: PostgresServer, load: Loader
) -> None:
    app = clinic(database=database_link, db_connect_timeout=3, db_timeout=2, request_deadline=4)
    bookings = Post(
        f"{app.url}/bookings",
        json=lambda call: {"slot": call.index + 1, "patient": f"p{call.index}"},
        headers={"Connection": "close"},
        keep=lambda answer: answer.json()["slot"] if answer.status == 201 else None,
    )
    with load(bookings, rate=40) as run:
        run.hold(0.7)
        # Answers of the database are under way for so long that some bookings are always made and not yet answered.
        with database_link.slowed(0.1, direction="downstream"):
            run.hold(0.7)
            with app.stopped() as stop:
                run.hold(0.5)
        run.hold(0.7)
    assert booked(postgres_server) == sorted(slot for slot in run.samples.returned if slot)
    assert run.after(stop).statuses == {201}


@pytest.mark.chaos
@pytest.mark.failure_mode(
    "A worker is told to end",
    symptom="None: it ends its job, or gives it back after GRACE (2 s), and takes no other.",
    detection="Its log ends with `stopped, N jobs given back`; attempts of a job that was given back are 2.",
    mitigation=["Let the supervisor wait for longer than GRACE before it kills."],
)
@pytest.mark.catches("cut-on-sigterm", by="attempts")
def test_a_worker_that_is_told_to_end_finishes_its_job(
    app: Service, clinic: Clinic, postgres_server: PostgresServer, load: Loader
) -> None:
    first, _ = (clinic(role="worker", name=f"worker-{which}") for which in ("a", "b"))
    invoice = {"kind": "invoice", "payload": {"patient": "p", "items": [CENTS], "work_ms": 400}}
    jobs = Post(f"{app.url}/jobs", json=invoice, expect=202, keep=lambda answer: answer.json()["id"])
    with load(jobs, rate=4) as run:
        run.hold(1)
        wait_until(lambda: ": took " in first.logs().splitlines()[-1], within=20, what="the worker is at a job")
        with first.stopped():
            run.hold(1)
    asked = set(run.samples.returned)
    assert len(asked) == len(run.samples)

    def done() -> bool:
        return {job for (job,) in postgres_server.query("SELECT job FROM results WHERE state = 'done'")} == asked

    wait_until(done, within=20, what="every job is done")
    ((attempts, owed),) = postgres_server.query("SELECT max(attempts), (SELECT sum(amount) FROM charges) FROM results")
    assert int(attempts or 0) == 1  # none was begun twice
    assert int(owed or 0) == CENTS * len(asked)
