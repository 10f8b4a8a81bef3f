"""A cluster of Redis: a primary and a replica, and a sentinel that watches over them where one is asked for.

This is replication as most run it; the sharded Redis Cluster is something else.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from pytest_resilience.errors import ServiceStateError, UsageError
from pytest_resilience.services.cluster import Cluster, Front
from pytest_resilience.services.redis_node import RedisNode, Sentinel
from pytest_resilience.services.resp import RedisRefused
from pytest_resilience.timeline import Count
from pytest_resilience.waiting import wait_until

WITHIN = 30.0
SCRATCH = "pytest-resilience:was-here"


class RedisCluster(Cluster[RedisNode]):
    """A primary and its replica, at `url` whichever is which.

    :param sentinel: watches over them; not started. Without one, the failover is done by the cluster itself.
    """

    def __init__(
        self,
        primary: RedisNode,
        standby: RedisNode,
        *,
        front: Callable[[RedisNode], Front],
        sentinel: Sentinel | None = None,
        name: str = "redis-cluster",
    ) -> None:
        super().__init__(name, primary, standby, front=front)
        self._sentinel = sentinel
        self._told: int | None = None  # the old primary's offset, when it was last asked
        self._had: int | None = None  # the new one's, when it became it

    @property
    def sentinel(self) -> Sentinel:
        """The sentinel, a service as any other.

        :raises UsageError: there is none.
        """
        if self._sentinel is None:
            raise UsageError(f"{self.name}: has no sentinel; ask for one with redis_cluster(sentinel=True)")
        return self._sentinel

    @property
    def sentinel_url(self) -> str:
        """`redis+sentinel://127.0.0.1:PORT/mymaster/0`, for clients that ask the sentinel where the primary is.

        :raises UsageError: there is no sentinel.
        """
        return self.sentinel.url

    @property
    def lag(self) -> int:
        """The bytes of changes that the primary has and the standby does not have yet."""
        return max(0, self.primary.offset - self.standby.offset)

    def start(self) -> None:
        """Start all of them and return when the standby replicates, and the sentinel knows of it."""
        super().start()
        if self._sentinel is not None:
            self._sentinel.start()
            self._await_sentinel()

    def remove(self) -> None:
        """End all of them and leave nothing of them; their logs can still be read."""
        if self._sentinel is not None:
            self._sentinel.remove()
        super().remove()

    def _begin(self, standby: RedisNode) -> None:
        standby.start()
        standby.replicate(self.primary.port)

    def _must_be_standby(self, node: RedisNode) -> None:
        if node.replication["role"] != "slave":
            raise ServiceStateError(
                f"{self.name}: {node.name} is no standby, it takes writes by itself; rejoin() makes it one"
            )

    def _ask_last(self, primary: RedisNode) -> None:
        self._told = None
        with suppress(OSError):  # one that hangs cannot be asked, and what it had is not known then
            self._told = primary.offset

    def _succeed(self, noticed_after: float) -> None:
        if self._sentinel is None:
            super()._succeed(noticed_after)
            return
        if noticed_after:
            raise UsageError(
                f"{self.name}.failed_over: noticed_after={noticed_after} is the sentinel's affair here; ask for it "
                "with redis_cluster(sentinel=True, down_after=...)"
            )
        self._await_promotion(self.standby, "the sentinel makes it the primary by itself")
        self._lead_to(self.standby)

    def _promote(self, standby: RedisNode) -> None:
        if self._sentinel is None:
            standby.replicate(None)
        else:
            self._sentinel.command("SENTINEL", "FAILOVER", self._sentinel.service)
        self._await_promotion(standby, "it is told to be the primary")

    def _await_promotion(self, standby: RedisNode, how: str) -> None:
        sentinel = self._sentinel
        wait_until(
            lambda: standby.replication["role"] == "master" and _takes_writes(standby),
            within=WITHIN,
            what=f"{standby.name} takes writes after {how}",
            on=(OSError,),  # a sentinel closes the connections of those whom it promotes, ours among them
        )
        self._had = int(standby.replication.get("second_repl_offset", 0)) - 1
        if sentinel is not None:
            wait_until(
                lambda: sentinel.primary_port == standby.port,
                within=WITHIN,
                what=f"the sentinel names {standby.name} as the primary",
            )

    def _rejoin(self, old: RedisNode) -> dict[str, Count]:
        old.start()
        old.replicate(self.primary.port)
        if self._told is None or self._had is None:
            return {"lost": "not known, the old primary could not be asked"}
        return {"bytes_lost": max(0, self._told - self._had)}

    def _await_whole(self) -> None:
        wait_until(
            lambda: self._follows(self.standby) and not self.lag,
            within=WITHIN,
            what=f"{self.standby.name} replicates {self.primary.name}",
        )
        if self._sentinel is not None and self._sentinel.running:
            self._await_sentinel()

    def _await_sentinel(self) -> None:
        wait_until(
            lambda: self.sentinel.watches(self.standby.port),
            within=WITHIN,
            what=f"the sentinel knows of {self.standby.name}",
        )

    def _follows(self, standby: RedisNode) -> bool:
        said = standby.replication
        return (said["role"], said.get("master_port"), said.get("master_link_status")) == (
            "slave",
            str(self.primary.port),
            "up",
        )


def _takes_writes(node: RedisNode) -> bool:
    try:
        node.command("SET", SCRATCH, "1")
        node.command("DEL", SCRATCH)
    except RedisRefused:
        return False
    return True
