"""What a Postgres that is up does to its clients: it lets nobody in, makes them wait for a lock, or refuses writes.

Each is Postgres' own doing, by sessions and settings of its own. Who waited is read from `pg_locks`; who was refused,
from the log, since Postgres counts no refusals.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from pytest_resilience.errors import FaultDidNotBite, ServiceStateError, UsageError, WaitTimeout
from pytest_resilience.faults.fault import Breakage, fault
from pytest_resilience.services.own_disk import Movable
from pytest_resilience.services.pgwire import PgConnection, Row
from pytest_resilience.services.postgres_lock import MODES, Lock
from pytest_resilience.services.postgres_slots import Slots
from pytest_resilience.services.template import DATABASE, USER
from pytest_resilience.services.tended import AT_ONCE
from pytest_resilience.timeline import Receipt
from pytest_resilience.waiting import wait_until

PATIENCE = 5.0
NO_SLOT = re.compile(r"FATAL: .*(?:too many clients already|connection slots are reserved)")
READ_ONLY = re.compile(r"ERROR: .*in a read-only transaction")
SETTING = "default_transaction_read_only"


class PostgresFaults(Movable):
    """A Postgres that can be made to refuse, and to make its clients wait."""

    def connections(self) -> int:
        """Return how many sessions of clients are open, other than those that this package opened itself.

        :raises PostgresRefused: it lets nobody in now.
        :raises OSError: it cannot be reached.
        """
        ((count,),) = self._say(
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE backend_type = 'client backend' AND application_name <> 'pytest-resilience'"
        )
        return int(str(count))

    @fault
    def connections_exhausted(self, *, leave: int = 0, evicting: bool = False, optional: bool = False) -> Breakage:
        """Take every free connection slot, so that who wants to connect hears "too many clients already".

        The slots are taken by real sessions. Sessions that are open go on; a slot that one gives back is free again.
        Nor can the test connect: `query()` needs `leave=1`. Receipt: connections refused, slots taken.

        :param leave: slots that stay free. Superusers may use them all, others all but those that Postgres reserves.
        :param evicting: close everybody's sessions, and take their slots too.
        :param optional: that nobody tries to connect is expected.
        """
        if leave < 0:
            raise UsageError(f"{self.name}.connections_exhausted(leave={leave}): expected slots, 0 or more")
        self._must_run("exhausted")
        slots = Slots(self._session)
        try:
            slots.take()
            if evicting:
                slots.evict(within=AT_ONCE)
            slots.give_back(leave)
        except BaseException:
            slots.close()
            raise
        if slots.taken == 0:
            slots.close()
            raise UsageError(
                f"{self.name}.connections_exhausted(leave={leave}): there were no more free slots than that; "
                "leave fewer, or raise max_connections"
            )
        since = self._mark(slots.ask)
        receipt = Receipt(optional=optional, connections_refused=0)
        yield receipt
        refused, taken = 0, slots.taken
        if self.running:
            refused = self._logged(NO_SLOT, since, slots.ask)
        slots.close()
        receipt.note(connections_refused=refused)
        if refused:
            receipt.note(slots_taken=taken)
        if self.running:
            self._await_ready("after its connections were exhausted")

    @fault
    def locked(
        self, table: str, *, mode: str = "ACCESS EXCLUSIVE", database: str = DATABASE, optional: bool = False
    ) -> Breakage:
        """Hold a lock on a table in an open transaction, as a migration or a forgotten session does.

        Receipt: sessions that waited for it, looked for every few milliseconds.

        :param table: its name, with its schema where that is not on the search path: `bookings`, `shop.orders`.
        :param mode: as in LOCK TABLE. `ACCESS EXCLUSIVE` makes everybody wait, `EXCLUSIVE` and `SHARE` those who write.
        :param database: the database that the table is in.
        :param optional: that nobody waits is expected.
        :raises FaultDidNotBite: others hold locks that do not let it be taken within 5 s.
        """
        wanted = " ".join(mode.upper().split())
        if wanted not in MODES:
            raise UsageError(f"{self.name}.locked(mode={mode!r}): expected one of {', '.join(MODES)}")
        self._must_run("locked")
        lock = Lock(self.name, lambda: self._session(database), table, wanted)
        lock.take()
        receipt = Receipt(optional=optional, sessions_waited=0)
        yield receipt
        lock.release()
        receipt.note(sessions_waited=lock.waited)

    @fault
    def read_only(self, *, optional: bool = False) -> Breakage:
        """Refuse writes, as a standby or a server whose disk is nearly full; reads go on.

        `default_transaction_read_only` is set for the whole server and read again by all of its sessions: it is in
        force from the next transaction of each, new or old. A session that sets it for itself can still write.
        Receipt: statements refused.

        :param optional: that nobody writes is expected.
        """
        self._must_run("made read-only")
        with self._session() as session:
            was, earlier = _setting(session)
        try:
            self._set(f"SET {SETTING} = on", "on")
        except WaitTimeout as error:
            self._set(earlier, was)
            raise FaultDidNotBite(
                f"{self.name}: new sessions can still write, though {SETTING} is on for all of it: it is also set for "
                "their database or role, or on the command line; see pg_settings"
            ) from error
        except BaseException:
            self._set(earlier, was)
            raise
        since = self._mark(self._say)
        receipt = Receipt(optional=optional, statements_refused=0)
        yield receipt
        self._must_run("made writable again")
        receipt.note(statements_refused=self._logged(READ_ONLY, since, self._say))
        self._set(earlier, was)

    def _set(self, change: str, value: str) -> None:
        """Change the setting, and return when sessions that were open have heard of it, and new ones too."""
        with self._session() as witness:
            for sql in (f"ALTER SYSTEM {change}", "SELECT pg_reload_conf()"):
                self._say(sql)
            show, wanted = f"SHOW {SETTING}", [(value,)]
            wait_until(
                lambda: witness.query(show) == wanted and self._say(show) == wanted,
                within=AT_ONCE,
                what=f"{self.name}: {SETTING} is {value}",
            )

    def _mark(self, ask: Callable[[str], object]) -> str:
        """Write a line into the log, and return it when it is there: what was logged before is there too."""
        mark = f"pytest-resilience: mark {time.monotonic_ns()}"
        ask(f"DO $$BEGIN RAISE LOG '{mark}'; END$$")
        wait_until(lambda: mark in self.logs(), within=AT_ONCE, what=f"{self.name} writes {mark!r} into its log")
        return mark

    def _logged(self, what: re.Pattern[str], since: str, ask: Callable[[str], object]) -> int:
        """Count the lines that match, from one mark to now."""
        until = self._mark(ask)
        return len(what.findall(self.logs().partition(since)[2].partition(until)[0]))

    def _say(self, sql: str) -> list[Row]:
        with self._session() as session:
            return session.query(sql)

    def _session(self, database: str = USER) -> PgConnection:
        return PgConnection(self.host, self.port, user=USER, database=database, timeout=PATIENCE)

    def _must_run(self, wanted: str) -> None:
        if not self.running:
            raise ServiceStateError(f"{self.name}: cannot be {wanted}, it is not running; start() it first")


def _setting(session: PgConnection) -> tuple[str, str]:
    """Return the value of the setting, and how ALTER SYSTEM brings back what is in its file now."""
    ((was,),) = session.query(f"SHOW {SETTING}")
    earlier = session.query(
        f"SELECT setting FROM pg_file_settings WHERE name = '{SETTING}' "  # noqa: S608 — a name of its own
        "AND sourcefile LIKE '%postgresql.auto.conf' ORDER BY seqno DESC LIMIT 1"
    )
    return str(was), f"SET {SETTING} = '{earlier[0][0]}'" if earlier else f"RESET {SETTING}"
