"""A worker hangs in the middle of a job. Another takes over; when the first wakes up, the job is not done twice."""

from __future__ import annotations

import re

import pytest
from harness import Clinic

from pytest_resilience import Loader, Post, PostgresServer, Service, wait_until

CENTS = 100


@pytest.mark.chaos
@pytest.mark.failure_mode(
    "A worker hangs in the middle of a job",
    symptom="That job is done later, by another worker.",
    detection=(
        "Another worker logs `reclaimed N jobs of` it while its process still exists; it stays silent in its log."
    ),
    mitigation=[
        "See what it waits for (`py-spy dump --pid`), then kill it: its jobs are with others already.",
        "If it wakes up by itself, its result is thrown away as `was on record`: no charge is made twice.",
    ],
)
@pytest.mark.catches("job-charged-twice", by="owed")
def test_a_job_of_a_hung_worker_is_done_once(
    app: Service, clinic: Clinic, postgres_server: PostgresServer, load: Loader
) -> None:
    first, second = (clinic(role="worker", name=f"worker-{which}") for which in ("a", "b"))
    invoice = {"kind": "invoice", "payload": {"patient": "p", "items": [CENTS], "work_ms": 400}}
    jobs = Post(f"{app.url}/jobs", json=invoice, expect=202, keep=lambda answer: answer.json()["id"])
    with load(jobs, rate=3) as run:
        run.hold(1)
        wait_until(lambda: ": took " in last(first), within=20, what="the worker is at a job")
        with first.paused():
            held = re.findall(r"took (\S+)", first.logs())[-1]
            wait_until(lambda: f"took {held}" in second.logs(), within=20, what="another takes the job over")
            wait_until(lambda: re.search(rf"done {held}", second.logs()), within=20, what="the other has done it")
        wait_until(lambda: f"done {held} (was on record)" in first.logs(), within=20, what="the first one ends it too")
        run.hold(0.5)
    asked = set(run.samples.returned)
    assert len(asked) == len(run.samples)

    def done() -> bool:
        return {job for (job,) in postgres_server.query("SELECT job FROM results WHERE state = 'done'")} == asked

    wait_until(done, within=20, what="every job is done")
    ((owed, charges),) = postgres_server.query("SELECT sum(amount), count(*) FROM charges")
    assert (int(owed or 0), int(charges or 0)) == (CENTS * len(asked), len(asked))


def last(worker: Service) -> str:
    return worker.logs().splitlines()[-1]
