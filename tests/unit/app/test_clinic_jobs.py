"""Tests of jobs and of the workers that do them."""

from __future__ import annotations

import signal
import uuid
from collections.abc import Callable
from typing import Any

import httpx
import psycopg
import pytest
import redis
from clinic_processes import Start

from pytest_resilience import PostgresServer, RedisServer, wait_until

Ended = Callable[[str], dict[str, Any]]


@pytest.fixture
def ended(clinic: httpx.Client) -> Ended:
    """Wait for a job's end and return it."""

    def wait(job: str) -> dict[str, Any]:
        def end() -> dict[str, Any] | None:
            found: dict[str, Any] = clinic.get(f"/jobs/{job}").json()
            return found if found["state"] in ("done", "failed") else None

        found = wait_until(end, within=15, what=f"the end of job {job}")
        assert found
        return found

    return wait


def charge(clinic: httpx.Client, amount: int, **payload: object) -> str:
    wanted = {"kind": "invoice", "payload": {"patient": "Ada", "items": [amount], **payload}}
    answer = clinic.post("/jobs", json=wanted)
    assert (answer.status_code, answer.json()["state"]) == (202, "queued")
    return str(answer.json()["id"])


def test_a_job_waits_for_a_worker_who_does_it(clinic: httpx.Client, start: Start, ended: Ended) -> None:
    payload = {"patient": "Ada", "slot": 3}
    job = clinic.post("/jobs", json={"kind": "reminder", "payload": payload}).json()["id"]
    assert clinic.get(f"/jobs/{job}").json() == {"id": job, "state": "queued", "kind": "reminder", "attempts": 0}
    start("worker", WORKER="w1")
    found = ended(job)
    assert (found["state"], found["attempts"]) == ("done", 1)
    assert found["result"] == {"letter": "Dear Ada, we expect you for appointment 3."}
    assert found["worker"].startswith("w1-")


def test_jobs_that_make_no_sense_are_refused(clinic: httpx.Client) -> None:
    def refusal(**job: object) -> tuple[int, object]:
        answer = clinic.post("/jobs", json=job)
        return answer.status_code, answer.json().get("field") or answer.json()["error"]

    assert refusal(kind="dance") == (400, "unknown_kind")
    assert refusal(kind=["reminder"]) == (400, "unknown_kind")
    assert refusal(kind="reminder", payload=3) == (400, "payload")
    assert refusal(kind="reminder", payload={"patient": "Ada"}) == (400, "slot")
    assert refusal(kind="invoice", payload={"patient": "Ada", "items": [-1]}) == (400, "items")
    assert refusal(kind="invoice", payload={"patient": "Ada", "items": [1], "work_ms": -1}) == (400, "work_ms")
    assert clinic.get(f"/jobs/{uuid.uuid4()}").status_code == 404
    assert clinic.get("/jobs/none").status_code == 404


def test_the_job_of_a_worker_killed_in_the_middle_is_done_once_by_another(
    clinic: httpx.Client, start: Start, ended: Ended
) -> None:
    first = start("worker", WORKER="first")
    job = charge(clinic, 500, work_ms=700)
    wait_until(lambda: clinic.get(f"/jobs/{job}").json()["state"] == "running", within=5)
    first.end(signal.SIGKILL)
    start("worker", WORKER="second")
    found = ended(job)
    assert (found["attempts"], found["worker"].split("-")[0]) == (2, "second")
    assert clinic.get("/accounts/Ada").json() == {"patient": "Ada", "owes": 500, "charges": 1}


def test_a_worker_taken_for_dead_and_its_successor_charge_once(
    clinic: httpx.Client, start: Start, ended: Ended, postgres_server: PostgresServer
) -> None:
    frozen = start("worker", WORKER="frozen")
    # It is frozen at work, not in the middle of a transaction, whose locks would keep everybody waiting.
    wait_until(lambda: "schema: prepared" in frozen.log.read_text(), within=5)
    job = charge(clinic, 300, work_ms=2000)
    wait_until(lambda: clinic.get(f"/jobs/{job}").json()["state"] == "running", within=5)
    frozen.process.send_signal(signal.SIGSTOP)
    start("worker", WORKER="fresh")
    assert ended(job)["worker"].startswith("fresh-")
    frozen.process.send_signal(signal.SIGCONT)
    wait_until(lambda: f"done {job} (was on record)" in frozen.log.read_text(), within=5)
    assert clinic.get("/accounts/Ada").json()["owes"] == 300
    with psycopg.connect(postgres_server.url) as connection:
        assert connection.execute("SELECT count(*) FROM results").fetchone() == (1,)


def test_many_jobs_over_two_workers_are_each_done_once(clinic: httpx.Client, start: Start, ended: Ended) -> None:
    for name in ("a", "b"):
        start("worker", WORKER=name)
    jobs = [charge(clinic, 1) for _ in range(60)]
    assert {ended(job)["state"] for job in jobs} == {"done"}
    assert clinic.get("/accounts/Ada").json() == {"patient": "Ada", "owes": 60, "charges": 60}


def test_a_job_that_is_taken_and_never_ended_fails_in_the_end(clinic: httpx.Client, start: Start, ended: Ended) -> None:
    job = charge(clinic, 1, work_ms=60_000)
    worker = start("worker", JOB_ATTEMPTS=1, HEARTBEAT_TTL=0.3)
    wait_until(lambda: clinic.get(f"/jobs/{job}").json()["state"] == "running", within=5)
    worker.end(signal.SIGKILL)
    start("worker", JOB_ATTEMPTS=1, HEARTBEAT_TTL=0.3)
    assert (ended(job)["state"], ended(job)["result"]) == ("failed", {"error": "given up after 1 attempts"})
    assert clinic.get("/accounts/Ada").json()["owes"] == 0


def test_a_worker_told_to_end_finishes_its_job_or_gives_it_back(
    clinic: httpx.Client, start: Start, ended: Ended, redis_server: RedisServer
) -> None:
    polite = start("worker", WORKER="polite")
    short = charge(clinic, 10, work_ms=300)
    wait_until(lambda: clinic.get(f"/jobs/{short}").json()["state"] == "running", within=5)
    assert polite.end(signal.SIGTERM) == 0
    assert ended(short)["state"] == "done"
    hurried = start("worker", WORKER="hurried", GRACE=0.1)
    long = charge(clinic, 10, work_ms=60_000)
    wait_until(lambda: clinic.get(f"/jobs/{long}").json()["state"] == "running", within=5)
    assert hurried.end(signal.SIGTERM) == 0
    with redis.Redis.from_url(redis_server.url, decode_responses=True) as client:
        assert client.lrange("clinic:jobs", 0, -1) == [long]
        assert client.keys("clinic:worker*") == []
