"""Hosts whose clocks are wrong, one ahead and one behind. Nobody is taken for dead, and a repetition is still known."""

from __future__ import annotations

import httpx
import pytest
from harness import Clinic

from pytest_resilience import Get, Loader, Post, PostgresServer, Service, wait_until

HOUR = 3600.0
DAY = 24 * HOUR
CENTS = 100


@pytest.mark.chaos
@pytest.mark.failure_mode(
    "A worker's clock is wrong",
    symptom="None for users; times in that worker's own log are off.",
    detection=(
        "`node_timex_offset_seconds`, or `chronyc tracking` on the host: the offset is more than a second. The "
        "clinic itself has no metric of it."
    ),
    mitigation=[
        "Set the clock by NTP, slewing (`chronyc makestep` only with the worker stopped).",
        "Nothing is to be repaired: leases are timed by Redis, results by Postgres.",
    ],
)
@pytest.mark.catches("leases-by-wall-clock", "heartbeat-missing", by="reclaimed")
def test_a_worker_with_a_wrong_clock_is_not_taken_for_dead(
    app: Service, clinic: Clinic, postgres_server: PostgresServer, load: Loader
) -> None:
    first, second = (clinic(role="worker", name=f"worker-{which}") for which in ("a", "b"))
    # More than two can do, so that both always have one in hand.
    invoice = {"kind": "invoice", "payload": {"patient": "p", "items": [CENTS], "work_ms": 600}}
    jobs = Post(f"{app.url}/jobs", json=invoice, expect=202, keep=lambda answer: answer.json()["id"])
    with first.skewed(clock=-HOUR), second.skewed(clock=HOUR):
        began = {worker.name: len(worker.logs()) for worker in (first, second)}
        with load(jobs, rate=4) as run:
            run.hold(3)
        asked = set(run.samples.returned)
        wait_until(lambda: done(postgres_server) == asked, within=20, what="every job is done")
        said = {worker.name: worker.logs()[began[worker.name] :] for worker in (first, second)}
    for words in said.values():
        assert ": took " in words  # both were at work
        assert "reclaimed" not in words  # whose heart beats is Redis' to say, by its own clock
    ((owed, past),) = postgres_server.query(
        "SELECT sum(amount), (SELECT count(*) FROM results WHERE abs(extract(epoch FROM now() - finished)) > 600) "
        "FROM charges"
    )
    assert int(owed or 0) == CENTS * len(asked)
    assert int(past or 0) == 0  # what is on record bears the time of the database


@pytest.mark.chaos
@pytest.mark.failure_mode(
    "An instance's clock is wrong",
    symptom="None for users; dates in its log and in `/breaker` are off.",
    detection="`node_timex_offset_seconds`, or `chronyc tracking` on the host.",
    mitigation=[
        "Take the instance out of the balancer, set the clock by NTP, and put it back.",
        ("Idempotency keys and cached pages are kept by the servers' clocks, so there is nothing to clean up."),
    ],
)
@pytest.mark.catches("keys-expire-by-wall-clock", by="again.status_code")
@pytest.mark.catches("cache-expires-by-wall-clock", by="sources")
def test_an_instance_with_a_wrong_clock_knows_a_repetition_and_serves_in_time(clinic: Clinic, load: Loader) -> None:
    one, two = clinic(name="one"), clinic(name="two")
    booking, key = {"slot": 1, "patient": "Ada"}, {"Idempotency-Key": "key 1"}
    made = httpx.post(f"{one.url}/bookings", json=booking, headers=key, timeout=20)
    with one.skewed(clock=-30 * DAY), two.skewed(clock=30 * DAY), load(Get(f"{two.url}/slots"), rate=40) as run:
        again = httpx.post(f"{two.url}/bookings", json=booking, headers=key, timeout=20)
        run.hold(2.5)
        with httpx.Client(timeout=20) as http:
            sources = [
                {http.get(f"{each.url}/slots?page={page}").headers["X-Source"] for _ in range(10)}
                for page, each in enumerate((one, two), 1)
            ]
    assert (made.status_code, again.status_code) == (201, 200)
    assert made.json() == again.json()
    assert run.samples.statuses == {200}
    assert run.samples.quantile(0.5) < 0.25
    assert all("cache" in each for each in sources)  # what it puts there has not expired when it is put


def done(postgres_server: PostgresServer) -> set[str | None]:
    return {job for (job,) in postgres_server.query("SELECT job FROM results WHERE state = 'done'")}
