"""A lock on a table of a Postgres, held in a transaction that does not end, and who waits for it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

from pytest_resilience.errors import FaultDidNotBite, UsageError
from pytest_resilience.services.pgwire import PgConnection, PostgresRefused

MODES = (
    "ACCESS SHARE",
    "ROW SHARE",
    "ROW EXCLUSIVE",
    "SHARE UPDATE EXCLUSIVE",
    "SHARE",
    "SHARE ROW EXCLUSIVE",
    "EXCLUSIVE",
    "ACCESS EXCLUSIVE",
)
NOT_TO_BE_HAD = "55P03"
LOOK = 0.01  # seconds between two looks at who waits
TAKING = 4.5  # seconds that others may hold it before


class Lock:
    """A lock that is held from `take()` to `release()`.

    :param connect: opens a session in the table's database.
    """

    def __init__(self, name: str, connect: Callable[[], PgConnection], table: str, mode: str) -> None:
        self._name, self._connect, self._table, self._mode = name, connect, table, mode
        self._seen: set[str | None] = set()
        self._stop = threading.Event()
        self._holder: PgConnection | None = None
        self._watch: PgConnection | None = None
        self._waiting = ""
        self._thread = threading.Thread(target=self._work, name="postgres lock", daemon=True)

    @property
    def waited(self) -> int:
        """How many sessions have been seen waiting."""
        return len(self._seen)

    def take(self) -> None:
        """Take the lock.

        :raises UsageError: there is no such table.
        :raises FaultDidNotBite: it is not to be had within 5 s.
        """
        self._holder = self._connect()
        try:
            self._watch = self._connect()
            self._lock(self._holder)
        except BaseException:
            self._close()
            raise
        self._thread.start()

    def release(self) -> None:
        """Take a last look, and let go."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()
        if self._holder is not None:
            with contextlib.suppress(PostgresRefused, OSError):  # its session was closed, and the lock went with it
                self._holder.query("ROLLBACK")
        self._close()

    def _lock(self, holder: PgConnection) -> None:
        quoted = self._table.replace("'", "''")
        try:
            ((oid, known),) = holder.query(f"SELECT c::oid, c::text FROM to_regclass('{quoted}') AS c")  # noqa: S608
        except PostgresRefused as refused:
            raise UsageError(f"{self._name}.locked({self._table!r}): is not the name of a table: {refused}") from None
        if oid is None:
            raise UsageError(
                f"{self._name}.locked({self._table!r}): there is no such table in this database; write it as in SQL, "
                "with its schema where that is not on the search path"
            )
        self._waiting = (
            "SELECT pid FROM pg_locks WHERE locktype = 'relation' AND NOT granted AND "  # noqa: S608
            f"relation = {oid} AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        holder.query(
            f"BEGIN; SET LOCAL lock_timeout = {round(TAKING * 1000)}; SET LOCAL idle_in_transaction_session_timeout = 0"
        )
        try:
            holder.query(f"LOCK TABLE {known} IN {self._mode} MODE")
        except PostgresRefused as refused:
            if refused.code == NOT_TO_BE_HAD:
                raise FaultDidNotBite(
                    f"{self._name}.locked({self._table!r}): others have held it for {TAKING:g} s, so it cannot "
                    f"be locked in {self._mode} mode; see pg_locks"
                ) from refused
            raise

    def _work(self) -> None:
        while not self._stop.wait(LOOK):
            if not self._look():
                return
        self._look()

    def _look(self) -> bool:
        if self._watch is None:
            return False
        try:
            self._seen |= {pid for (pid,) in self._watch.query(self._waiting)}
        except (PostgresRefused, OSError):
            return False  # it went down, or its sessions were closed: the lock is gone as well
        return True

    def _close(self) -> None:
        for session in (self._holder, self._watch):
            if session is not None:
                session.close()
        self._holder = self._watch = None
