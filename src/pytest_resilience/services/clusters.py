"""What the cluster fixtures give: each starts a test's cluster, with the settings that the test asks for."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

from pytest_resilience.errors import UsageError
from pytest_resilience.services.cluster import Front
from pytest_resilience.services.ports import lease_port
from pytest_resilience.services.postgres_cluster import PostgresCluster
from pytest_resilience.services.postgres_node import PostgresNode
from pytest_resilience.services.premises import Premises
from pytest_resilience.services.service import Service


class PostgresClusters:
    """Starts the Postgres cluster of a test, and ends it when it is closed.

    :param front: puts an address that stays in front of a service.
    :param started: is told of each server before it is started.
    """

    def __init__(
        self, premises: Premises, *, front: Callable[[Service], Front], started: Callable[[Service], object]
    ) -> None:
        self._premises = premises
        self._front = front
        self._started = started
        self._ends = ExitStack()
        self._cluster: PostgresCluster | None = None

    def __call__(self, *, synchronous: bool = False) -> PostgresCluster:
        """Start a primary and a standby, both fresh, and return them when the standby replicates.

        :param synchronous: answer a commit when the standby has it too. By default it is sent to the standby
            afterwards, as Postgres does by itself: what was not sent yet when the primary dies is lost.
        :raises ServiceNotReady: a server did not become ready.
        :raises Unsupported: Postgres is here without the programs that a cluster takes; the test is skipped.
        :raises UsageError: this test has a cluster already.
        """
        if self._cluster is not None:
            raise UsageError(f"postgres_cluster(): this test has one already, {self._cluster!r}; use that one")
        a, b = (self._ends.enter_context(lease_port()).port for _ in range(2))
        nodes: list[PostgresNode] = []
        for name, port, other in (("postgres-a", a, b), ("postgres-b", b, a)):
            node = self._premises.postgres_node(name, port=port, other=other)
            self._ends.callback(node.remove)
            self._started(node)
            nodes.append(node)
        primary, standby = nodes
        self._cluster = PostgresCluster(primary, standby, front=self._front, synchronous=synchronous)
        self._cluster.start()
        return self._cluster

    def close(self) -> None:
        """End it and give its ports back."""
        self._ends.close()

    def __repr__(self) -> str:
        return f"<PostgresClusters: {self._cluster or 'not called yet'}>"
