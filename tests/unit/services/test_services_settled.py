"""A real process that leaks, and one that does not; real servers whose connections stay open."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator

import pytest

from pytest_resilience.measure.leaks import observe
from pytest_resilience.services.backend import Spec
from pytest_resilience.services.pgwire import PgConnection
from pytest_resilience.services.postgres import PostgresServer
from pytest_resilience.services.process import ProcessBackend
from pytest_resilience.services.redis import RedisServer
from pytest_resilience.services.resp import RespConnection
from pytest_resilience.services.service import Service
from pytest_resilience.waiting import wait_until

LEAKING = """
import signal, sys, threading, time
kept = []
spin = threading.Event()
def leak(*_):
    kept.extend(open("/dev/null") for _ in range(5))
    kept.append(bytearray(40_000_000))
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
    spin.set()
    print("leaked", flush=True)
def clean(*_):
    kept.clear()
    spin.clear()
    print("cleaned", flush=True)
signal.signal(signal.SIGUSR1, leak)
signal.signal(signal.SIGUSR2, clean)
print("ready", flush=True)
while True:
    if spin.is_set():
        sum(range(1000))
    else:
        time.sleep(0.01)
"""


@pytest.fixture
def leaking(backend: ProcessBackend) -> Iterator[Service]:
    service = Service(backend.unit(Spec(name="leaking", command=(sys.executable, "-c", LEAKING))))
    service.start()
    wait_until(lambda: "ready" in service.logs(), within=20)
    yield service
    service.remove()


def tell(service: Service, number: signal.Signals, answer: str) -> None:
    os.kill(service._unit.pids[0], number)
    wait_until(lambda: answer in service.logs(), within=20)


def test_what_leaks_is_named_and_what_is_given_back_is_not(leaking: Service) -> None:
    calm = observe(leaking)
    assert calm.settled(within=20)
    tell(leaking, signal.SIGUSR1, "leaked")
    leaks = {one.name: one for one in calm.settled(within=1).leaks}
    assert set(leaks) == {f"leaking {what}" for what in ("descriptors", "memory", "threads", "cpu")}
    assert leaks["leaking descriptors"].now == calm.figures["leaking descriptors"] + 5
    assert leaks["leaking threads"].now == calm.figures["leaking threads"] + 1
    tell(leaking, signal.SIGUSR2, "cleaned")
    assert [one.name for one in calm.settled(within=1.5).leaks] == ["leaking threads"]  # which nobody can give back


def test_a_service_that_is_down_has_not_settled(leaking: Service) -> None:
    calm = observe(leaking)
    with leaking.killed():
        assert "leaking memory cannot be read" in repr(calm.settled(within=0))
    assert calm.settled(within=20)


def test_sessions_of_postgres_that_stay_open_are_named(postgres: PostgresServer) -> None:
    calm = observe(postgres)
    with PgConnection(postgres.host, postgres.port, user="postgres", database="test") as session:
        session.query("SET application_name = 'a client'")
        assert repr(calm.settled(within=0)).endswith("postgres connections 1, was 0, expected at most 0>")
    assert calm.settled(within=20)


def test_connections_to_redis_that_stay_open_are_named(redis: RedisServer) -> None:
    wait_until(lambda: redis.connections() == 0, within=5)
    calm = observe(redis)
    with RespConnection(redis.host, redis.port) as client:
        client.command("PING")
        assert repr(calm.settled(within=0)).endswith("redis connections 1, was 0, expected at most 0>")
    assert calm.settled(within=20)
