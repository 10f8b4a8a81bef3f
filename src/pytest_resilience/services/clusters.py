"""What the cluster fixtures give: each starts a cluster with the settings that the test asks for."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from contextlib import ExitStack
from functools import partial
from typing import TypeVar

from pytest_resilience.errors import UsageError
from pytest_resilience.services.cluster import Cluster, Front
from pytest_resilience.services.ports import lease_port
from pytest_resilience.services.postgres_cluster import PostgresCluster
from pytest_resilience.services.premises import Premises
from pytest_resilience.services.redis_cluster import RedisCluster
from pytest_resilience.services.service import Service

Served = TypeVar("Served", bound=Service)
MASTER = "mymaster"  # as most who have one sentinel call it


class Clusters:
    """What starts the cluster of a test, and ends it when it is closed.

    :param link: puts an address that stays, of a name, in front of a service.
    :param noted: is told of each server, by its name, before it is started.
    :param targets: where the servers of a cluster that is whole are noted, for who strikes them by their names.
    """

    def __init__(
        self,
        premises: Premises,
        link: Callable[..., Front],
        noted: Callable[[str, Service], object],
        targets: MutableMapping[str, object],
    ) -> None:
        self._premises = premises
        self._link = link
        self._noted = noted
        self._targets = targets
        self._ends = ExitStack()
        self._given: object = None

    def close(self) -> None:
        """End it and give its ports back."""
        self._ends.close()

    def _refuse_second(self, fixture: str) -> None:
        if self._given is not None:
            raise UsageError(f"{fixture}(): this test has one already, {self._given!r}; use that one")

    def _port(self) -> int:
        return self._ends.enter_context(lease_port()).port

    def _give(self, cluster: Cluster[Served], *, struck: bool = True) -> None:
        cluster.start()
        self._given = cluster
        if struck:
            self._targets.update({node.name: node for node in cluster.nodes})

    def _add(self, server: Served) -> Served:
        self._ends.callback(server.remove)
        self._noted(server.name, server)
        return server

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self._given or 'not called yet'}>"


class PostgresClusters(Clusters):
    """Starts the Postgres cluster of a test."""

    def __call__(self, *, synchronous: bool = False) -> PostgresCluster:
        """Start a primary and a standby, both fresh, and return them when the standby replicates.

        :param synchronous: answer a commit when the standby has it too. By default it is sent to the standby
            afterwards, as Postgres does by itself: what was not sent yet when the primary dies is lost.
        :raises ServiceNotReady: a server did not become ready.
        :raises Unsupported: Postgres is here without the programs that a cluster takes; the test is skipped.
        :raises UsageError: this test has a cluster already.
        """
        self._refuse_second("postgres_cluster")
        a, b = self._port(), self._port()
        primary = self._add(self._premises.postgres_node("postgres-a", port=a, other=b))
        standby = self._add(self._premises.postgres_node("postgres-b", port=b, other=a))
        cluster = PostgresCluster(
            primary, standby, front=partial(self._link, name="postgres-primary"), synchronous=synchronous
        )
        self._give(cluster)
        return cluster


class RedisClusters(Clusters):
    """Starts the Redis cluster of a test."""

    def __call__(self, *, sentinel: bool = False, down_after: float = 2.0) -> RedisCluster:
        """Start a primary and a replica, both empty, and return them when the replica replicates.

        :param sentinel: have a sentinel watch over them, which fails over by itself when the primary is silent.
        :param down_after: seconds of silence after which it takes a server for dead. It pings once a second, or as
            often as this where it is less; with so little a server whose connection has just been closed, as all are
            of one that is promoted, may be taken for dead in turn.
        :raises ServiceNotReady: a server did not become ready.
        :raises UsageError: this test has a cluster already, or the seconds cannot be meant.
        """
        if not 0 < down_after < float("inf"):
            raise UsageError(f"redis_cluster: down_after={down_after} has to be seconds, more than zero")
        self._refuse_second("redis_cluster")
        a, b = self._port(), self._port()
        primary = self._add(self._premises.redis_node("redis-a", port=a))
        standby = self._add(self._premises.redis_node("redis-b", port=b))
        watch = None
        if sentinel:
            watch = self._premises.sentinel(MASTER, port=self._port(), primary=a, down_after=down_after)
            self._add(watch)
        cluster = RedisCluster(primary, standby, front=partial(self._link, name="redis-primary"), sentinel=watch)
        # A sentinel would fail over when it is struck, and Redis would lose what it has acknowledged.
        self._give(cluster, struck=not sentinel)
        return cluster
