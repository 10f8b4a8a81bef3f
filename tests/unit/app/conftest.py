"""What the clinic's tests share: the clinic's own processes, on the plugin's Redis and Postgres.

They are started by hand and not by `service`, for these tests ask how a process ends.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from clinic_processes import Server, Start, free_port, launch

from pytest_resilience import PostgresServer, RedisServer, wait_until

APP = Path(__file__).parents[2] / "app"
sys.path.insert(0, str(APP))  # for the tests of single parts


@pytest.fixture
def start(redis_server: RedisServer, postgres_server: PostgresServer, tmp_path: Path) -> Iterator[Start]:
    """Start a part of the clinic: `start("web")`, `start("worker", WORKER="a")`. Settings are keywords."""
    started: list[Server] = []

    def start_one(part: str, *, ready: bool = True, **settings: object) -> Server:
        port = free_port()
        wiring = {"PORT": port, "REDIS_URL": redis_server.url, "DATABASE_URL": postgres_server.url, **settings}
        env = os.environ | {"PYTHONPATH": str(APP)} | {name: str(value) for name, value in wiring.items()}
        log = tmp_path / f"{part}-{len(started)}.log"
        server = launch([sys.executable, "-m", f"clinic.{part}"], log, env=env)
        started.append(server)
        server.url = f"http://127.0.0.1:{port}" if part == "web" else ""
        if ready and part == "web":
            path = f"{server.url}/ready"
            wait_until(lambda: httpx.get(path).status_code == 200, within=10, on=(httpx.TransportError,))
        if ready and part == "worker":
            wait_until(lambda: "registered" in log.read_text(), within=10)
        return server

    yield start_one
    for server in started:
        server.end()


@pytest.fixture
def clinic(start: Start) -> Iterator[httpx.Client]:
    """A client of one instance."""
    with httpx.Client(base_url=start("web", INSTANCE="one").url, timeout=10) as client:
        yield client
