"""Database: work on Postgres, behind the pool, the time-outs, the breaker and the retries."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import psycopg
from clinic.breaker import Breaker, BreakerOpen, Permit
from clinic.bugs import planted
from clinic.connection import Connection, connect
from clinic.errors import Unavailable
from clinic.pool import ConnectFailed, Pool, PoolBusy
from clinic.retry import Backoff, retrying
from clinic.settings import Settings
from psycopg.rows import TupleRow

if TYPE_CHECKING:
    from typing_extensions import LiteralString

T = TypeVar("T")
log = logging.getLogger("clinic.database")
HOUR = 3600.0

# The server answered: the statement was wrong, or at odds with the data. It says nothing of the server's health.
ANSWERS = (psycopg.IntegrityError, psycopg.DataError, psycopg.ProgrammingError, psycopg.NotSupportedError)


class Database:
    """Postgres as the rest of the program sees it: an answer in time, or `Unavailable`."""

    def __init__(self, settings: Settings, breaker: Breaker, *, name: str) -> None:
        if planted("no-database-timeout"):
            settings = replace(settings, db_timeout=HOUR, request_deadline=HOUR)
        if planted("no-connect-timeout"):
            settings = replace(settings, db_connect_timeout=HOUR)
        self.breaker = breaker
        self.pool = Pool(
            lambda: connect(
                settings.database_url,
                timeout=settings.db_connect_timeout,
                statement_timeout=settings.db_timeout,
                name=name,
            ),
            size=settings.pool_size,
            queue=settings.pool_queue,
            patience=settings.pool_timeout,
        )
        self.prepared = False  # the schema is there; see schema.py
        self.retries: Counter[int] = Counter()  # number of the attempt that failed -> how often it was repeated
        self.pauses: dict[int, float] = {}  # and for how long that was waited for, all together
        self._timeout, self._deadline = settings.db_timeout, settings.request_deadline
        if planted("timeouts-too-tight"):
            self._timeout = 0.005
        self._backoff = Backoff(settings.retry_base, settings.retry_cap, settings.retry_attempts)

    async def read(self, query: LiteralString, parameters: Sequence[object] = ()) -> list[TupleRow]:
        """Return all rows of a query that changes nothing. Retried."""

        async def work(connection: Connection) -> list[TupleRow]:
            return await (await connection.execute(query, parameters)).fetchall()

        return await self.run(work, repeatable=True)

    async def run(self, work: Callable[[Connection], Awaitable[T]], *, repeatable: bool) -> T:
        """Do the work on a connection and return its result. Each statement commits by itself.

        :param repeatable: whether doing it twice is the same as doing it once. What is not is retried only
            where nothing was sent.
        :raises Unavailable: in all cases where the database did not answer; errors of the statement itself
            (a violated constraint) are passed on.
        """
        if not self.prepared:
            raise Unavailable("database", "starting", retry_after=0.5)
        deadline = time.monotonic() + self._deadline

        def may_retry(error: Exception) -> bool:
            lost = isinstance(error, Unavailable) and error.reason in ("refused", "lost")
            return lost and (repeatable or not error.sent)  # type: ignore[attr-defined]  # `lost` says what it is

        return await retrying(
            lambda: self.attempt(work, deadline=deadline),
            may_retry=may_retry,
            backoff=self._backoff,
            deadline=deadline,
            tell=self._count_retry,
        )

    def _count_retry(self, attempt: int, pause: float) -> None:
        self.retries[attempt] += 1
        self.pauses[attempt] = self.pauses.get(attempt, 0.0) + pause

    async def ping(self) -> None:
        """Return when the database has answered, else raise `Unavailable`."""
        await self.attempt(lambda connection: connection.execute("SELECT 1"), deadline=time.monotonic() + self._timeout)

    async def attempt(
        self, work: Callable[[Connection], Awaitable[T]], *, deadline: float, timeout: float | None = None
    ) -> T:
        """Do the work once, ready or not, before `deadline` (monotonic) and within `timeout` seconds."""
        try:
            permit = self.breaker.admit()
        except BreakerOpen as error:
            raise Unavailable("database", "breaker open", retry_after=error.retry_after) from None
        try:
            async with self.pool.connection() as connection:
                try:
                    with connection.limited(min(timeout or self._timeout, deadline - time.monotonic())):
                        result = await work(connection)
                except psycopg.Error as error:
                    verdict = self._verdict(error, permit, connection)
                    if isinstance(error, psycopg.errors.ReadOnlySqlTransaction):
                        await connection.close()  # the address may lead to another server by now
                    raise verdict from error
        except PoolBusy:
            raise Unavailable("database", "busy", retry_after=0.5) from None
        except ConnectFailed as error:
            permit.failed()
            log.warning("connect: %s", str(error).splitlines()[0])
            raise Unavailable("database", "timeout" if error.late else "refused") from None
        else:
            permit.worked()
            return result
        finally:
            permit.dropped()

    def _verdict(self, error: psycopg.Error, permit: Permit, connection: Connection) -> Exception:
        """Say what an error means: to the breaker, whether the database answers; to the caller, what is to be done."""
        if isinstance(error, psycopg.errors.UndefinedTable):
            self.prepared = False  # the database was replaced by an empty one
            permit.dropped()
            return Unavailable("database", "starting", retry_after=0.5)
        if isinstance(error, ANSWERS):
            permit.worked()
            return error
        late, broken = connection.overdue, connection.closed
        log.warning("%s: %s", type(error).__name__, "time is up" if late else str(error).splitlines()[0])
        if late or broken:
            permit.failed()
            return Unavailable("database", "timeout" if late else "lost", sent=True)
        if isinstance(error, psycopg.errors.QueryCanceled):
            permit.failed()
            return Unavailable("database", "timeout")
        permit.worked()  # a full disk, a deadlock, a standby: it does answer, and has undone the statement
        return Unavailable("database", "failing")
