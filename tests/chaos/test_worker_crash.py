"""A worker crashes in the middle of a job. The job is done all the same, by another worker, and once."""

from __future__ import annotations

import re

import pytest
from harness import Clinic

from pytest_resilience import Loader, Post, PostgresServer, Service, wait_until

CENTS = 100


@pytest.mark.chaos
@pytest.mark.failure_mode(
    "A worker crashes in the middle of a job",
    symptom="That job is done later, by up to `HEARTBEAT_TTL` + `RECLAIM_EVERY` (1.5 s).",
    detection="Another worker logs `reclaimed N jobs of` it; `up == 0` of the worker; attempts of the job are 2.",
    mitigation=[
        "Nothing for the job: it is done once, whatever happens.",
        (
            "Start the worker again; read why it ended. A job that kills every worker fails after JOB_ATTEMPTS "
            "(5) by itself."
        ),
    ],
)
@pytest.mark.catches("job-let-go-early", "dead-never-reclaimed", by="every job is done")
def test_a_job_survives_the_crash_of_its_worker(
    app: Service, clinic: Clinic, postgres_server: PostgresServer, load: Loader
) -> None:
    first, second = (clinic(role="worker", name=f"worker-{which}") for which in ("a", "b"))
    invoice = {"kind": "invoice", "payload": {"patient": "p", "items": [CENTS], "work_ms": 400}}
    jobs = Post(f"{app.url}/jobs", json=invoice, expect=202, keep=lambda answer: answer.json()["id"])
    with load(jobs, rate=4) as run:
        run.hold(1.5)
        wait_until(lambda: ": took " in first.logs().splitlines()[-1], within=20, what="the worker is at a job")
        with first.killed():
            run.hold(2.5)
    asked = set(run.samples.returned)
    assert len(asked) == len(run.samples)

    def done() -> bool:
        return {job for (job,) in postgres_server.query("SELECT job FROM results WHERE state = 'done'")} == asked

    wait_until(done, within=20, what="every job is done")
    took = {job for worker in (first, second) for job in re.findall(r"took (\S+)", worker.logs())}
    assert took == asked
    assert re.search(r"reclaimed [1-9]\d* jobs of worker-a", second.logs())  # it was in the middle of one
    ((owed,),) = postgres_server.query("SELECT sum(amount) FROM charges")
    assert int(owed or 0) == CENTS * len(asked)
