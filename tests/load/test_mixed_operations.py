"""A hundred operations of four kinds begin at the same moment, again and again; at the end all of it adds up.

Pages are whole, a slot that was given is given, a job that was accepted is done and charged once, and an upload has the
checksum of what was sent. The full size is 60,000 operations in ten minutes, and takes no special machine.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from functools import reduce
from operator import add

import pytest
from harness import Clinic, booked, most_at_once

from pytest_resilience import SLO, Call, Get, Loader, Post, PostgresServer, Sized, mix, steady, wait_until

TOGETHER, BURST = 100, 0.02  # operations, and the seconds within which they begin
PRICE = 250  # cents
UPLOAD = 64 * 1024
KINDS = ("GET /slots", "POST /bookings", "POST /jobs", "POST /ingest")


def content(call: Call) -> bytes:
    return f"{call.index:016d}".encode() * (UPLOAD // 16)


def checksum(index: int) -> str:
    return hashlib.sha256(f"{index:016d}".encode() * (UPLOAD // 16)).hexdigest()


@pytest.mark.load
@pytest.mark.catches("blocking-call", by=("met_by", "run.samples.errors"))
def test_a_hundred_operations_at_once_add_up(
    clinic: Clinic, postgres_server: PostgresServer, load: Loader, sized: Sized
) -> None:
    times = sized(quick=3, standard=60, full=600)
    total = times * TOGETHER
    app = clinic(slots=total, pool_timeout=5, request_deadline=10, db_timeout=3, queue_timeout=3)
    clinic(role="worker", name="worker")
    page = Get(
        f"{app.url}/slots",
        path=lambda call: f"?page={call.index % 5}",
        check=lambda answer: len(answer.json()["slots"]) == 20,
    )
    booking = Post(
        f"{app.url}/bookings",
        json=lambda call: {"slot": call.index + 1, "patient": f"p{call.index}"},
        keep=lambda answer: ("booking", answer.json()["slot"]),
    )
    job = Post(
        f"{app.url}/jobs",
        json=lambda call: {"kind": "invoice", "payload": {"patient": f"p{call.index}", "items": [PRICE]}},
        keep=lambda answer: ("job", answer.json()["id"]),
    )
    upload = Post(
        f"{app.url}/ingest",
        body=content,
        headers=lambda call: {"X-Checksum": checksum(call.index)},
        keep=lambda answer: ("upload", answer.json()["sha256"]),
    )
    bursts = [steady(TOGETHER / BURST, lasting=BURST) + steady(0, lasting=1 - BURST)] * times
    operations = mix((1, page), (1, booking), (1, job), (1, upload))
    with load(operations, rate=reduce(add, bursts)) as run:
        run.finish()
    assert most_at_once(run.samples) > TOGETHER // 4
    assert SLO(p95=2, p99=4, error_rate=0.01).met_by(run.samples)
    assert [len(run.samples.named(kind)) for kind in KINDS] == [total // 4] * 4
    assert not run.samples.errors

    told = {
        kind: [each for name, each in run.samples.returned if name == kind] for kind in ("booking", "job", "upload")
    }
    assert set(told["upload"]) <= {checksum(index) for index in range(total)}
    assert [len(set(each)) for each in told.values()] == [total // 4] * 3
    assert booked(postgres_server) == sorted(told["booking"])

    def done() -> set[str | None]:
        return {job for (job,) in postgres_server.query("SELECT job FROM results WHERE state = 'done'")}

    wait_until(lambda: done() == set(told["job"]), within=30 + total / 100, every=0.5, what="every job to be done")
    charges = Counter(postgres_server.query("SELECT job, amount FROM charges"))
    assert charges == {(job, str(PRICE)): 1 for job in told["job"]}
