"""A cluster of Postgres: a primary and a streaming standby, asynchronous or synchronous."""

from __future__ import annotations

from collections.abc import Callable

from pytest_resilience.errors import ServiceStateError
from pytest_resilience.faults.fault import Breakage, fault
from pytest_resilience.services.cluster import Cluster, Front
from pytest_resilience.services.pgwire import PostgresRefused, Row
from pytest_resilience.services.postgres_node import FORK, Fork, PostgresNode
from pytest_resilience.services.template import DATABASE, USER
from pytest_resilience.services.walsender import freeze_senders, thaw
from pytest_resilience.timeline import Count, Receipt
from pytest_resilience.waiting import wait_until

# A failover is to be done long before; this is for a machine that is busy with something else.
WITHIN = 30.0
FIRST = "00000001"  # the timeline of a primary that has no predecessor
# It shall commit, and leave nothing.
WRITE = "BEGIN; CREATE TABLE pytest_resilience_was_here (); DROP TABLE pytest_resilience_was_here; COMMIT"


class PostgresCluster(Cluster[PostgresNode]):
    """A primary and its standby, at `url` whichever is which.

    :param synchronous: a commit is answered when the standby has it too. While there is no standby, which is from
        a failover until the old primary has come back, the new primary commits alone.
    """

    def __init__(
        self,
        primary: PostgresNode,
        standby: PostgresNode,
        *,
        front: Callable[[PostgresNode], Front],
        synchronous: bool = False,
        name: str = "postgres-cluster",
    ) -> None:
        super().__init__(name, primary, standby, front=front)
        self.synchronous = synchronous

    @property
    def hosts_url(self) -> str:
        """Both servers in one URL, for clients that look for the primary themselves, as libpq and psycopg do."""
        hosts = ",".join(node.address for node in self.nodes)
        return f"postgresql://{USER}@{hosts}/{DATABASE}?target_session_attrs=read-write"

    @property
    def lag(self) -> int:
        """The bytes of log that the primary has written and the standby has not replayed yet.

        :raises ServiceStateError: nobody replicates the primary.
        """
        rows = self._replication("greatest(0, pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn))::bigint")
        if not rows or rows[0][0] is None:
            raise ServiceStateError(f"{self.name}: {self.standby.name} does not replicate {self.primary.name} now")
        return int(rows[0][0])

    @fault
    def replication_stalled(self, *, optional: bool = False) -> Breakage:
        """Freeze what sends the primary's log to the standby: nothing more is replicated until the heal.

        Commits go on being answered without the standby having them, or wait for it where replication is synchronous.
        Receipt: senders frozen, and how many bytes the standby was behind at the heal where the primary still lived.

        :param optional: that nothing is replicated is expected.
        :raises Unsupported: the primary's processes are not on this host.
        """
        primary = self.primary
        if not primary.running:
            raise ServiceStateError(f"{self.name}: {primary.name} sends no log, it is not running; start() it first")
        senders = freeze_senders(primary)
        receipt = Receipt(optional=optional, senders_frozen=len(senders))
        yield receipt
        if primary.running and self.primary is primary:
            behind = self._replication("pg_wal_lsn_diff(pg_current_wal_lsn(), sent_lsn)::bigint")
            receipt.note(bytes_behind=sum(int(size or 0) for (size,) in behind))
        thaw(senders)

    def _begin(self, standby: PostgresNode) -> None:
        standby.begin_as_standby(self.primary)

    def _must_be_standby(self, node: PostgresNode) -> None:
        if not node.standing_by:
            raise ServiceStateError(
                f"{self.name}: {node.name} is no standby, it takes writes by itself; rejoin() makes it one"
            )

    def _promote(self, standby: PostgresNode) -> None:
        # It commits alone: nobody is there to wait for, and as a standby it may have been told of one before.
        standby.query("ALTER SYSTEM RESET synchronous_standby_names", database=USER)
        standby.query("SELECT pg_reload_conf()", database=USER)
        standby.query(f"SELECT pg_promote(true, {WITHIN:.0f})", database=USER, timeout=WITHIN)
        wait_until(lambda: not standby.standing_by, within=WITHIN, what=f"{standby.name} is promoted", on=(OSError,))
        wait_until(lambda: _takes_writes(standby), within=WITHIN, what=f"{standby.name} takes writes")

    def _rejoin(self, old: PostgresNode) -> dict[str, Count]:
        if self.primary.query("SELECT left(pg_walfile_name(pg_current_wal_lsn()), 8)", database=USER) == [(FIRST,)]:
            raise ServiceStateError(
                f"{self.name}: {old.name} was never the primary, so it has nothing to rejoin from; start() it"
            )
        # The new primary notes its timeline in the file that pg_rewind reads when its first checkpoint is done.
        self.primary.query("CHECKPOINT", database=USER, timeout=WITHIN)
        lost = old.follow(self.primary, self._fork())
        if lost is None:
            return {"lost": "not known, pg_waldump is missing or cannot read the old log"}
        return {"commits_lost": lost.commits, "wal_bytes_lost": lost.size}

    def _await_whole(self) -> None:
        primary, standby = self.primary, self.standby
        if self.synchronous:
            names = f'"{standby.name}"'
            primary.query(f"ALTER SYSTEM SET synchronous_standby_names = '{names}'", database=USER)
            primary.query("SELECT pg_reload_conf()", database=USER)
        wait_until(
            lambda: self._follows(standby),
            within=WITHIN,
            what=f"{standby.name} replicates {primary.name}{' synchronously' if self.synchronous else ''}",
        )
        here = primary.query("SELECT pg_current_wal_lsn()", database=USER)[0][0]
        # A fresh clone is behind by what was written meanwhile.
        wait_until(
            lambda: standby.query(f"SELECT pg_last_wal_replay_lsn() >= '{here}'", database=USER) == [("t",)],
            within=WITHIN,
            what=f"{standby.name} has replayed the log up to {here}",
        )

    def _follows(self, standby: PostgresNode) -> bool:
        state = "streaming", "sync" if self.synchronous else "async"
        return standby is self.standby and self._replication("state, sync_state") == [state]

    def _replication(self, columns: str) -> list[Row]:
        """Return what the primary knows of the standby's replication; no row where there is none."""
        where = f"WHERE application_name = '{self.standby.name}'"
        return self.primary.query(f"SELECT {columns} FROM pg_stat_replication {where}", database=USER)  # noqa: S608

    def _fork(self) -> Fork:
        """Return where the primary's log begins to be another one than that of its predecessor."""
        timeline, position = str(self.primary.query(FORK, database=USER)[0][0]).split()
        return int(timeline), position


def _takes_writes(node: PostgresNode) -> bool:
    try:
        node.query(WRITE, database=USER)
    except PostgresRefused:
        return False
    return True
