"""Connection slots of a Postgres, taken by real sessions."""

from __future__ import annotations

from collections.abc import Callable

from pytest_resilience.errors import ServiceStateError
from pytest_resilience.services.pgwire import PgConnection, PostgresRefused, Row
from pytest_resilience.waiting import wait_until

TOO_MANY = "53300"
AT_ONCE = 5.0
OTHERS = "FROM pg_stat_activity WHERE backend_type = 'client backend' AND NOT pid = ANY('{%s}')"


class Slots:
    """Slots that are held.

    :param connect: opens a session of a superuser.
    """

    def __init__(self, connect: Callable[[], PgConnection]) -> None:
        self._connect = connect
        self._sessions: list[tuple[int, PgConnection]] = []

    @property
    def taken(self) -> int:
        """How many are held."""
        return len(self._sessions)

    def take(self) -> None:
        """Take all that are free."""
        while True:
            try:
                session = self._connect()
            except PostgresRefused as refused:
                if refused.code == TOO_MANY:
                    return
                raise
            try:
                ((pid,),) = session.query("SELECT pg_backend_pid()")
            except BaseException:
                session.close()
                raise
            self._sessions.append((int(str(pid)), session))

    def evict(self, *, within: float) -> None:
        """Close the sessions of everybody else, and take their slots.

        :raises ServiceStateError: there was not one free slot to do it from.
        :raises WaitTimeout: others are quicker to come back.
        """
        if not self._sessions:
            raise ServiceStateError("all connection slots are taken by others already, so there is none to evict from")
        # Who is just being let in has a slot and is not in pg_stat_activity yet: so slots are counted, not sessions.
        ((most,),) = self._sessions[-1][1].query("SHOW max_connections")
        wait_until(lambda: self._evicted(int(str(most))), within=within, what="the slots of all others are taken")

    def give_back(self, number: int) -> None:
        """Free so many slots; returns when they are."""
        going, self._sessions = self._sessions[:number], self._sessions[number:]
        for _, session in going:
            session.close()
        if going and self._sessions:
            gone = f"SELECT 1 FROM pg_stat_activity WHERE pid = ANY('{{{','.join(str(pid) for pid, _ in going)}}}')"  # noqa: S608
            wait_until(lambda: not self._sessions[-1][1].query(gone), within=AT_ONCE, what="freed slots are free")

    def ask(self, sql: str) -> list[Row]:
        """Run SQL in one of the sessions; in a new one where they are gone."""
        try:
            return self._sessions[-1][1].query(sql)
        except (OSError, PostgresRefused):
            with self._connect() as session:
                return session.query(sql)

    def close(self) -> None:
        """Free them all."""
        try:
            self.give_back(max(0, self.taken - 1))
        except (OSError, PostgresRefused):  # it was started again, or has closed them
            pass
        finally:
            for _, session in self._sessions:
                session.close()
            self._sessions = []

    def _evicted(self, most: int) -> bool:
        others = OTHERS % ",".join(str(pid) for pid, _ in self._sessions)
        self._sessions[-1][1].query(f"SELECT pg_terminate_backend(pid) {others}")
        self.take()
        return self.taken >= most
