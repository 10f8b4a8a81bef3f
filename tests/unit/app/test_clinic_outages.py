"""Tests of what is answered while a dependency is away."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import psycopg
import pytest
import redis
from clinic_processes import Server, Start, free_port
from websockets.sync.client import connect

from pytest_resilience import PostgresServer, RedisServer, wait_until

BOOKING = {"slot": 1, "patient": "Ada"}


@pytest.fixture
def hole() -> Iterator[str]:
    """An address where connections are taken and never answered."""
    with socket.create_server(("127.0.0.1", 0), backlog=200) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@contextmanager
def serving(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=10) as client:
        wait_until(lambda: client.get("/health").status_code == 200, within=10, on=(httpx.TransportError,))
        yield client


def test_without_any_dependency_it_starts_and_says_what_is_missing(start: Start) -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    urls = {"DATABASE_URL": f"postgresql://postgres@{nowhere}/test", "REDIS_URL": f"redis://{nowhere}/0"}
    with serving(start("web", ready=False, **urls)) as clinic:
        ready = clinic.get("/ready")
        assert ready.status_code == 503
        assert ready.json()["missing"] == ["database", "redis"]
        slots, booking = clinic.get("/slots"), clinic.post("/bookings", json=BOOKING)
        assert [slots.status_code, booking.status_code] == [503, 503]
        assert booking.json()["dependency"] == "database"
        assert booking.json()["outcome"] == "not done"
        assert int(booking.headers["Retry-After"]) >= 1
        assert booking.json()["retry_after"] > 0
        job = clinic.post("/jobs", json={"kind": "reminder", "payload": BOOKING})
        assert (job.status_code, job.json()["dependency"]) == (503, "redis")
        assert clinic.post("/ingest", content=b"x").status_code == 200
        assert 'clinic_breaker_state{breaker="database"' in clinic.get("/metrics").text


def test_a_hung_redis_costs_the_slots_little_and_the_jobs_a_refusal(start: Start, hole: str) -> None:
    with serving(start("web", ready=False, REDIS_URL=f"redis://{hole}/0")) as clinic:
        wait_until(lambda: clinic.get("/ready").json()["checks"]["database"] == "ok", within=10)
        assert clinic.get("/ready").json()["checks"]["redis"] == "timeout"
        answers = [clinic.get("/slots") for _ in range(20)]
        assert {answer.status_code for answer in answers} == {200}
        assert sum(answer.elapsed.total_seconds() > 0.05 for answer in answers) <= 10  # the breaker spares the others
        assert clinic.post("/bookings", json=BOOKING).status_code == 201
        job = clinic.post("/jobs", json={"kind": "reminder", "payload": BOOKING})
        assert (job.status_code, job.json()["reason"], job.json()["outcome"]) == (503, "timeout", "unknown")
        with connect(f"{str(clinic.base_url).replace('http', 'ws')}/rooms/tea") as member:
            assert '"error": "unavailable"' in str(member.recv(timeout=5))


def test_a_statement_that_hangs_is_refused_in_time_and_the_service_recovers(
    start: Start, postgres_server: PostgresServer
) -> None:
    web = start("web")

    def one(_: int) -> tuple[int, float]:
        answer = httpx.get(f"{web.url}/slots/1", timeout=10)
        return answer.status_code, answer.elapsed.total_seconds()

    with psycopg.connect(postgres_server.url) as holder, ThreadPoolExecutor(40) as threads:
        holder.execute("LOCK TABLE slots IN ACCESS EXCLUSIVE MODE")
        answers = list(threads.map(one, range(40)))
        assert {status for status, _ in answers} == {503}
        assert max(seconds for _, seconds in answers) < 2.0  # promised: about 1 s; the rest is this machine's
        assert httpx.get(f"{web.url}/breaker").json()["state"] == "OPEN"
        refused = httpx.get(f"{web.url}/slots/1")
        assert (refused.status_code, refused.json()["reason"]) == (503, "breaker open")
        assert httpx.get(f"{web.url}/health").status_code == 200
        holder.rollback()
    released = time.monotonic()
    wait_until(lambda: one(0)[0] == 200, within=5)
    assert time.monotonic() - released < 3.0
    history = httpx.get(f"{web.url}/breaker").json()["history"]
    assert [change["to"] for change in history][-3:] == ["OPEN", "HALF_OPEN", "CLOSED"]


def test_connections_that_the_server_ended_are_not_noticed_by_anyone(
    clinic: httpx.Client, postgres_server: PostgresServer
) -> None:
    clinic.get("/slots/1")
    # With a time-out, it returns when the backends have gone, and so their connections.
    with psycopg.connect(postgres_server.url, autocommit=True) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name LIKE 'clinic%'"
        )
    assert clinic.post("/bookings", json=BOOKING).status_code == 201
    assert clinic.get("/breaker").json()["state"] == "CLOSED"


def test_a_database_that_was_emptied_is_prepared_again(clinic: httpx.Client, postgres_server: PostgresServer) -> None:
    with psycopg.connect(postgres_server.url, autocommit=True) as admin:
        admin.execute("DROP TABLE slots CASCADE")
    refused = clinic.get("/slots/1")
    assert (refused.status_code, refused.json()["reason"]) == (503, "starting")
    wait_until(lambda: clinic.get("/slots/1").status_code == 200, within=5)


def test_beyond_the_limit_requests_are_turned_away_at_once(start: Start, postgres_server: PostgresServer) -> None:
    web = start("web", MAX_IN_FLIGHT=5, BREAKER_FAILURES=1000)
    with psycopg.connect(postgres_server.url) as holder, ThreadPoolExecutor(20) as threads:
        holder.execute("LOCK TABLE slots IN ACCESS EXCLUSIVE MODE")
        answers = list(threads.map(lambda _: httpx.get(f"{web.url}/slots/1", timeout=10), range(20)))
        reasons = [answer.json()["reason"] for answer in answers]
    assert {answer.status_code for answer in answers} == {503}
    assert "overloaded" in reasons
    assert "timeout" in reasons


def test_three_instances_that_start_at_once_prepare_one_database(start: Start, postgres_server: PostgresServer) -> None:
    started = [start("web", ready=False, SLOTS=500) for _ in range(3)]
    for server in started:
        with serving(server) as clinic:
            wait_until(lambda: clinic.get("/ready").status_code == 200, within=10)
    with psycopg.connect(postgres_server.url) as connection:
        assert connection.execute("SELECT count(*), max(id) FROM slots").fetchone() == (500, 500)


def test_told_to_end_it_ends_though_a_member_stays(start: Start) -> None:
    web = start("web")
    with connect(f"{web.url.replace('http', 'ws')}/rooms/tea") as member:
        member.recv(timeout=5)
        began = time.monotonic()
        web.end(signal.SIGTERM)
        assert time.monotonic() - began < 4
    assert "stopped" in web.log.read_text()


def test_what_is_counted_shows_in_the_metrics(clinic: httpx.Client, redis_server: RedisServer) -> None:
    clinic.get("/slots")
    clinic.get("/slots")
    clinic.get("/slots/9999")
    text = clinic.get("/metrics").text
    assert 'clinic_requests_total{method="GET",route="/slots",status="200"} 2' in text
    assert 'clinic_requests_total{method="GET",route="/slots/{id}",status="404"} 1' in text
    assert 'clinic_request_seconds_count{method="GET",route="/slots"} 2' in text
    assert 'clinic_cache_total{result="hit"} 1' in text
    assert 'clinic_breaker_state{breaker="database",state="CLOSED"} 1' in text
    assert 'clinic_pool{connections="size"} 10' in text
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()
    assert clinic.get("/slots").headers["X-Source"] == "database"
