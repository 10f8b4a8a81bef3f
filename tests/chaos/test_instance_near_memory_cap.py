"""Memory is nearly used up. At 90 and 95 % of its cap a process works on; beyond it is killed, and comes back whole."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack, suppress

import httpx
import pytest
from harness import Clinic, booked

from pytest_resilience import SLO, Episode, Link, Loader, Post, PostgresServer, Service, wait_until

MIB = 2**20
ROOM = 96 * MIB
SERVED = SLO(p95=0.5, error_rate=0.01)
CROWD = 190  # requests whose bodies do not end; the instance takes 200 in
ENDLESS = b"POST /bookings HTTP/1.1\r\nHost: clinic\r\nContent-Length: 64000\r\n\r\n" + b" " * 60_000


def must_be_killable(cap: Episode) -> None:
    if cap.receipt.counts["memory_limited_by"] == "address space":
        pytest.skip("nobody is killed where no control group may be made; run as root, or with containers")


@pytest.mark.chaos
@pytest.mark.catches("dead-never-reclaimed", by="every job that was taken in is done")
@pytest.mark.failure_mode(
    "A worker is near its memory cap",
    symptom="None up to the cap; beyond it the job in hand is late, by the worker's restart.",
    detection=(
        "`container_memory_working_set_bytes` above 90 % of `container_spec_memory_limit_bytes`; beyond it "
        "`container_oom_events_total` grows."
    ),
    mitigation=[
        "Raise the cap, or limit the size that a job may ask for, while it is still near and not beyond.",
        "After a kill nothing is to be repaired: the job is taken again and recorded once.",
    ],
)
def test_a_worker_near_its_cap_works_and_beyond_it_comes_back(
    app: Service, clinic: Clinic, postgres_server: PostgresServer, load: Loader
) -> None:
    worker = clinic(role="worker", name="worker")
    limit = worker.usage().rss + ROOM

    def scan(size: int) -> str:
        """Ask for a job that holds `size` bytes for a while, and return its id."""
        wanted = {"kind": "scan", "payload": {"mebibytes": size // MIB, "work_ms": 400}}
        return str(httpx.post(f"{app.url}/jobs", json=wanted, timeout=10).raise_for_status().json()["id"])

    def done() -> set[str | None]:
        return {job for (job,) in postgres_server.query("SELECT job FROM results WHERE state = 'done'")}

    letters = Post(
        f"{app.url}/jobs",
        json={"kind": "reminder", "payload": {"patient": "p", "slot": 1}},
        expect=202,
        keep=lambda answer: answer.json()["id"],
    )
    with load(letters, rate=20) as run:
        with worker.capped(memory=limit) as cap:
            must_be_killable(cap)
            scans = set()
            for share in (0.90, 0.95):
                job = scan(round(share * limit) - worker.usage().rss)
                wait_until(lambda at=share: worker.usage().rss > (at - 0.03) * limit, within=20, what="it is near")
                wait_until(lambda last=job: last in done(), within=20, what=f"a job is done at {share:.0%}")
                scans.add(job)
                assert worker.running
            scans.add(scan(2 * ROOM))
            wait_until(lambda: not worker.running, within=20, what="it is out of memory")
            run.hold(1)
        run.hold(1)
    assert cap.receipt.counts["oom_kills"] == 1
    letters_asked = set(run.samples.returned)
    assert len(letters_asked) == len(run.samples)
    wait_until(lambda: done() == letters_asked | scans, within=20, what="every job that was taken in is done")
    ((rows,),) = postgres_server.query("SELECT count(*) FROM results")
    assert int(rows or 0) == len(letters_asked | scans)


@pytest.mark.chaos
@pytest.mark.catches("acknowledged-before-commit", by="set(told)")
@pytest.mark.failure_mode(
    "An instance runs out of memory",
    symptom="Near the cap nothing; beyond it connections are refused until it has been started again.",
    detection=(
        "`container_oom_events_total` grows, and the kernel's log has `Killed process`; "
        "`process_resident_memory_bytes` rose before."
    ),
    mitigation=[
        "The supervisor starts it again; bookings that were acknowledged are kept.",
        (
            "See what made it grow: clients that send and never finish, a leak, or a cap that is too small. "
            "Have the balancer bound the first."
        ),
    ],
)
def test_an_instance_near_its_cap_serves_and_beyond_it_comes_back(
    app_over_link: Service, database_link: Link, postgres_server: PostgresServer, load: Loader
) -> None:
    app = app_over_link
    bookings = Post(
        f"{app.url}/bookings",
        json=lambda call: {"slot": call.index + 1, "patient": f"p{call.index}"},
        keep=lambda answer: answer.json()["slot"],
    )
    # A road as between two hosts, so that some bookings are under way when it is killed.
    with database_link.slowed(latency=0.02), load(bookings, rate=60) as run:
        run.hold(1)
        with app.capped(memory=round(app.usage().rss / 0.95)) as cap:
            must_be_killable(cap)
            run.hold(1.5)
            crowded = time.monotonic()
            survived = app.running
            with ExitStack() as crowd:
                for _ in range(CROWD):
                    with suppress(OSError):  # it is gone
                        knock = crowd.enter_context(socket.create_connection((app.host, app.port), timeout=5))
                        knock.sendall(ENDLESS)
                wait_until(lambda: not app.running, within=20, what="it is out of memory")
            run.hold(0.5)
        run.hold_until_recovered(cap, to=SERVED)
    assert cap.receipt.counts["oom_kills"] == 1
    assert run.before(cap).statuses == {201}
    if survived:  # what came within its cap was served
        assert run.samples.between(cap.struck, crowded).statuses == {201}
    assert run.under(cap).errors  # while it was gone
    assert run.recovery(cap, to=SERVED) < 10
    told, held = run.samples.returned, booked(postgres_server)
    assert len(told) > 100
    assert set(told) <= set(held)
    assert len(held) == len(set(held))
