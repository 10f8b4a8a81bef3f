"""A worker crashes as it registers. No job is lost with it, and it does not stay in the register as a ghost."""

from __future__ import annotations

import re

import pytest
from harness import Clinic

from pytest_resilience import Loader, Post, PostgresServer, RedisServer, Service, wait_until

CENTS = 100


@pytest.mark.chaos
@pytest.mark.failure_mode(
    "A worker dies as it registers",
    symptom="None.",
    detection=(
        "A line `registering` without `registered` in its log; `SMEMBERS clinic:workers` has a name whose "
        "`clinic:worker:NAME` is gone, for a second and a half at most."
    ),
    mitigation=[
        "Nothing: the others strike it off the register.",
        "If names stay, no worker is alive to reclaim: start one.",
    ],
)
@pytest.mark.catches("ghosts-kept", by="only the living")
def test_a_worker_that_dies_as_it_registers_leaves_nothing(
    app: Service, clinic: Clinic, postgres_server: PostgresServer, redis_server: RedisServer, load: Loader
) -> None:
    first, second = (clinic(role="worker", name=f"worker-{which}") for which in ("a", "b"))
    before = registered(redis_server)

    def registers() -> bool:  # Redis knows it, and it may already hold a job
        return bool(registered(redis_server) - before)

    invoice = {"kind": "invoice", "payload": {"patient": "p", "items": [CENTS], "work_ms": 50}}
    jobs = Post(f"{app.url}/jobs", json=invoice, expect=202, keep=lambda answer: answer.json()["id"])
    with load(jobs, rate=10) as run:
        run.hold(0.5)
        with first.crashed_when(registers, restarting=True) as crash:
            wait_until(lambda: crash.receipt.bit, within=30, what="it has crashed")
            run.hold(0.5)
            (ghost,) = names("registering", first)[-1:]
        run.hold(0.5)
    asked = set(run.samples.returned)
    assert len(asked) == len(run.samples)

    def done() -> bool:
        return {job for (job,) in postgres_server.query("SELECT job FROM results WHERE state = 'done'")} == asked

    wait_until(done, within=20, what="every job is done")
    ((owed,),) = postgres_server.query("SELECT sum(amount) FROM charges")
    assert int(owed or 0) == CENTS * len(asked)

    living = {names("registered", worker)[-1] for worker in (first, second)}
    assert ghost not in living
    wait_until(lambda: registered(redis_server) == living, within=20, what="only the living are registered")


def registered(redis_server: RedisServer) -> set[str]:
    members = redis_server.command("SMEMBERS", "clinic:workers")
    return {str(name) for name in members} if isinstance(members, list) else set()


def names(word: str, worker: Service) -> list[str]:
    return re.findall(rf"(worker-\S+): {word}$", worker.logs(), re.MULTILINE)
