"""What the fixtures of the clinic look like to the tests that use them."""

from __future__ import annotations

from typing import Protocol

from pytest_resilience import Link, PostgresCluster, PostgresServer, RedisServer, Service


class Clinic(Protocol):
    """Starts one instance or worker of the clinic, by default connected straight to both servers."""

    def __call__(
        self,
        *,
        role: str = "web",
        name: str = "clinic",
        database: PostgresServer | PostgresCluster | Link | None = None,
        cache: RedisServer | Link | None = None,
        **settings: float,
    ) -> Service: ...
