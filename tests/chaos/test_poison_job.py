"""A job kills whoever takes it. It is given up after a few attempts, and those behind it are done."""

from __future__ import annotations

import httpx
import pytest
from harness import Clinic

from pytest_resilience import PostgresServer, Service, wait_until

ATTEMPTS = 2


@pytest.mark.chaos
@pytest.mark.failure_mode(
    "A job kills its workers",
    symptom="That job ends as `failed` after JOB_ATTEMPTS (5) attempts; others are late by a few seconds.",
    detection="Workers restart one after the other; the last line of each names the same job: `took ID`.",
    mitigation=[
        "Wait: it is given up by itself. `GET /jobs/ID` says `given up after 5 attempts`.",
        "Find out what it asks for (kind and payload), and refuse it at the door next time.",
    ],
)
@pytest.mark.catches("poison-job-for-ever", by="failed")
def test_a_poison_job_is_given_up(app: Service, clinic: Clinic, postgres_server: PostgresServer) -> None:
    first, second = (clinic(role="worker", name=f"worker-{which}", job_attempts=ATTEMPTS) for which in ("a", "b"))

    def ask(kind: str, **payload: object) -> str:
        answer = httpx.post(f"{app.url}/jobs", json={"kind": kind, "payload": payload}, timeout=20)
        assert answer.status_code == 202
        return str(answer.json()["id"])

    poisoned = r"took \S+ \(scan"
    with first.crashed_when(log=poisoned) as one, second.crashed_when(log=poisoned) as two:
        poison = ask("scan", mebibytes=1, work_ms=2000)
        letters = {ask("reminder", patient=f"p{number}", slot=1) for number in range(10)}
        wait_until(lambda: one.receipt.bit and two.receipt.bit, within=30, what="both have died of it")

    def ended() -> dict[str | None, str | None]:
        return {job: state for job, state in postgres_server.query("SELECT job, state FROM results")}  # noqa: C416 — tuples

    wait_until(lambda: ended().keys() == {poison, *letters}, within=20, what="every job has ended")
    assert ended() == {poison: "failed"} | dict.fromkeys(letters, "done")
    told = httpx.get(f"{app.url}/jobs/{poison}", timeout=20).json()
    assert (told["state"], told["result"]["error"]) == ("failed", f"given up after {ATTEMPTS} attempts")
