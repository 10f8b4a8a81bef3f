"""A worker takes a job that needs more memory than it may have, and the kernel kills it. Another one does it, once."""

from __future__ import annotations

import pytest
from harness import Clinic

from pytest_resilience import Loader, Post, PostgresServer, Service, wait_until

MIB = 2**20
PICTURE = 48  # mebibytes


@pytest.mark.chaos
@pytest.mark.failure_mode(
    "A worker runs out of memory",
    symptom="The job is late; a job that is too large for every worker ends as `failed`.",
    detection=(
        "The kernel's log has `Killed process`, `container_oom_events_total` grows; another worker logs `reclaimed "
        "N jobs of` it."
    ),
    mitigation=[
        "Find the job (`took ID` is the last line of its log) and its size.",
        "Give workers of that kind of job more memory, or limit what a job may ask for.",
    ],
)
@pytest.mark.catches("dead-never-reclaimed", by="every job has ended")
def test_a_job_survives_a_worker_that_runs_out_of_memory(
    app: Service, clinic: Clinic, postgres_server: PostgresServer, load: Loader
) -> None:
    small, large = clinic(role="worker", name="small"), clinic(role="worker", name="large")
    scan = {"kind": "scan", "payload": {"mebibytes": PICTURE, "work_ms": 50}}
    jobs = Post(f"{app.url}/jobs", json=scan, expect=202, keep=lambda answer: answer.json()["id"])
    # Capped before the first job, since one that it works at is part of what it uses.
    with small.capped(memory=small.usage().rss + PICTURE // 2 * MIB) as cap, load(jobs, rate=5) as run:
        wait_until(lambda: not small.running or ": failed " in small.logs(), within=20, what="it is out of memory")
        run.hold(2)
    if cap.receipt.counts["memory_limited_by"] == "address space":
        pytest.skip("nobody is killed where no control group may be made; run as root, or with containers")
    assert cap.receipt.counts["oom_kills"] == 1
    asked = set(run.samples.returned)
    assert len(asked) == len(run.samples)

    def ended() -> dict[str | None, str | None]:
        return {job: state for job, state in postgres_server.query("SELECT job, state FROM results")}  # noqa: C416 — tuples

    wait_until(lambda: set(ended()) == asked, within=20, what="every job has ended")
    assert set(ended().values()) == {"done"}
    assert "jobs of small" in large.logs()  # it was reclaimed from the one that was killed
