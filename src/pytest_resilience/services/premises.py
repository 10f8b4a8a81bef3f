"""The premises: the backends of one session, and its Redis and Postgres on the one that was chosen."""

from __future__ import annotations

from contextlib import ExitStack

from pytest_resilience.janitor import Janitor
from pytest_resilience.options import Options
from pytest_resilience.services.backend import Backend
from pytest_resilience.services.choice import Choice, choose
from pytest_resilience.services.ports import lease_port
from pytest_resilience.services.postgres import PostgresServer
from pytest_resilience.services.postgres_box import PostgresContainerNode
from pytest_resilience.services.postgres_node import PostgresNode, PostgresProcessNode
from pytest_resilience.services.process import ProcessBackend
from pytest_resilience.services.programs import find_postgres, find_redis
from pytest_resilience.services.redis import RedisServer
from pytest_resilience.services.redis_node import RedisNode, Sentinel, sentinel_settings


class Premises:
    """Where the services of a session run.

    :ivar choice: the backend of Redis, Postgres and of services with an image.
    :ivar processes: the process backend, which is always there.
    :ivar containers: the container backend where that was chosen.
    :ivar notes: what the reader of the report has to know of the backend.
    """

    def __init__(
        self, options: Options, choice: Choice, processes: ProcessBackend, containers: Backend | None, notes: list[str]
    ) -> None:
        self._options = options
        self.choice = choice
        self.processes = processes
        self.containers = containers
        self.notes = notes

    @classmethod
    def open(cls, options: Options, janitor: Janitor) -> Premises:
        """Choose the backend for good, pulling images that are missing.

        :raises BackendUnavailable: docker was asked for and cannot be had.
        """
        expected = choose(options, pull=False)
        choice = choose(options, pull=True) if expected.awaiting else expected
        notes = [] if choice.backend == expected.backend else [f"fell back to the {choice}"]
        processes = ProcessBackend(janitor)
        if choice.backend == "process":
            return cls(options, choice, processes, None, notes)
        from pytest_resilience.services.container import ContainerBackend

        containers = ContainerBackend(janitor)
        return cls(options, choice, processes, containers, notes + containers.notes)

    def redis(self, ends: ExitStack) -> RedisServer:
        """Start a Redis that is removed with `ends`."""
        port = ends.enter_context(lease_port()).port
        if self.containers is None:
            server = RedisServer.embedded(self.processes, find_redis(), port=port)
        else:
            server = RedisServer.in_container(self.containers, self._options.redis_image, port=port)
        ends.callback(server.remove)
        server.start()
        return server

    def postgres(self, ends: ExitStack) -> PostgresServer:
        """Start a Postgres that is removed with `ends`."""
        port = ends.enter_context(lease_port()).port
        if self.containers is None:
            server = PostgresServer.embedded(self.processes, find_postgres(), port=port)
        else:
            server = PostgresServer.in_container(self.containers, self._options.postgres_image, port=port)
        ends.callback(server.remove)
        server.start()
        return server

    def postgres_node(self, name: str, *, port: int, other: int) -> PostgresNode:
        """Return a server of a cluster, not started, whose fellow is at the port `other`.

        :raises Unsupported: a cluster cannot be had with the Postgres that is here.
        """
        if self.containers is None:
            return PostgresProcessNode.of(self.processes, find_postgres(), port=port, other=other, name=name)
        return PostgresContainerNode.of(
            self.containers, self._options.postgres_image, port=port, other=other, name=name
        )

    def redis_node(self, name: str, *, port: int) -> RedisNode:
        """Return a server of a cluster, not started."""
        if self.containers is None:
            return RedisNode.embedded(self.processes, find_redis(), port=port, name=name)
        return RedisNode.in_container(self.containers, self._options.redis_image, port=port, name=name)

    def sentinel(self, service: str, *, port: int, primary: int, down_after: float) -> Sentinel:
        """Return a sentinel, not started, that watches over the server at the port `primary`."""
        settings = sentinel_settings(port, service=service, primary=primary, down_after=down_after)
        if self.containers is None:
            return Sentinel.embedded(self.processes, find_redis(), port=port, settings=settings, service=service)
        image = self._options.redis_image
        return Sentinel.in_container(self.containers, image, port=port, settings=settings, service=service)
