"""What the fixtures of the clinic look like to the tests that use them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

import httpx
import psutil

from pytest_resilience import (
    Link,
    PostgresCluster,
    PostgresServer,
    RedisCluster,
    RedisServer,
    Run,
    Samples,
    Service,
)


class Clinic(Protocol):
    """Starts one instance or worker of the clinic, by default connected straight to both servers."""

    def __call__(
        self,
        *,
        role: str = "web",
        name: str = "clinic",
        database: PostgresServer | PostgresCluster | Link | None = None,
        cache: RedisServer | RedisCluster | Link | None = None,
        disk: int | None = None,
        **settings: float | str,
    ) -> Service: ...


@dataclass(frozen=True)
class Burden:
    """What the drivers of a run use, in the shape that a `Meter` reads."""

    cpu_seconds: float
    rss: int


def burden(run: Run) -> Burden:
    """Return what the drivers of `run` use now."""
    cpu, rss = 0.0, 0
    for process in map(psutil.Process, run.pids):
        times = process.cpu_times()
        cpu += times.user + times.system
        rss += process.memory_info().rss
    return Burden(cpu, rss)


def most_at_once(samples: Samples) -> int:
    """Return how many calls were in flight at the same moment, at most."""
    steps = sorted([(each.sent, 1) for each in samples] + [(each.done, -1) for each in samples])
    now = most = 0
    for _, step in steps:
        now += step
        most = max(most, now)
    return most


def counted(app: Service, name: str) -> dict[int, float]:
    """Return a metric of the clinic by the attempt that it is about."""
    text = httpx.get(f"{app.url}/metrics").text
    return {int(attempt): float(value) for attempt, value in re.findall(name + r'{after="(\d+)"} (\S+)', text)}


def booked(server: PostgresServer) -> list[int]:
    """Return the slots of all bookings that the database holds, in ascending order."""
    return [int(slot or 0) for (slot,) in server.query("SELECT slot FROM bookings ORDER BY slot")]
