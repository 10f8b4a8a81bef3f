"""Two of three workers crash again and again, with jobs in their hands. Every job is done all the same, and once."""

from __future__ import annotations

import pytest
from harness import Clinic

from pytest_resilience import Episode, Loader, Post, PostgresServer, Service, wait_until

CENTS = 100


@pytest.mark.chaos
@pytest.mark.failure_mode(
    "Workers keep crashing",
    symptom="Jobs are late; the queue is longer than usual.",
    detection=(
        "`LLEN clinic:jobs` grows; restarts of workers grow; the living log `reclaimed N jobs of` again and again."
    ),
    mitigation=[
        (
            "Look at the last `took ID` before each crash: one job that kills is found by its id, and fails by "
            "itself after JOB_ATTEMPTS (5)."
        ),
        "If all jobs do it, roll the workers back; jobs wait in Redis until then.",
        "Keep one good worker alive: it is enough for the queue to move.",
    ],
)
@pytest.mark.catches("registered-too-early", by="every job is done")
def test_jobs_outlive_workers_that_keep_crashing(
    app: Service, clinic: Clinic, postgres_server: PostgresServer, load: Loader
) -> None:
    first, second, _ = (clinic(role="worker", name=f"worker-{which}", job_attempts=50) for which in ("a", "b", "c"))
    invoice = {"kind": "invoice", "payload": {"patient": "p", "items": [CENTS], "work_ms": 100}}
    jobs = Post(f"{app.url}/jobs", json=invoice, expect=202, keep=lambda answer: answer.json()["id"])
    with load(jobs, rate=10) as run:
        run.hold(0.5)
        with first.crash_looping(up=0.15) as loop, second.crash_looping(up=0.05) as other:
            run.hold(1)
            wait_until(lambda: min(crashes(loop), crashes(other)) >= 3, within=30, what="each has crashed three times")
        run.hold(0.5)
    asked = set(run.samples.returned)
    assert len(asked) == len(run.samples)

    def done() -> bool:
        return {job for (job,) in postgres_server.query("SELECT job FROM results WHERE state = 'done'")} == asked

    wait_until(done, within=20, what="every job is done")
    ((owed, charges),) = postgres_server.query("SELECT sum(amount), count(*) FROM charges")
    assert (int(owed or 0), int(charges or 0)) == (CENTS * len(asked), len(asked))
    ((tries,),) = postgres_server.query("SELECT max(attempts) FROM results")
    assert int(tries or 0) > 1  # some were in the hands of one that crashed


def crashes(loop: Episode) -> int:
    return int(loop.receipt.counts["crashes"])
