"""Connection: one road to Postgres that can be given up at once, whatever is at the other end.

psycopg answers a cancelled wait by asking the server to cancel the query, and waits for that. A server
that hangs or is behind a partition does not answer that either. So a wait is ended here by shutting the
socket down: the wait sees the end of the stream, and the connection is of no further use to anybody.
"""

from __future__ import annotations

import asyncio
import os
import select
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from clinic.bugs import planted
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow


class Connection(psycopg.AsyncConnection[TupleRow]):
    """A connection in autocommit mode, so that one statement is one transaction and one round trip."""

    born: float = 0.0
    overdue: bool = False  # its time was up in the middle of a statement

    @contextmanager
    def limited(self, seconds: float) -> Iterator[None]:
        """Give the statements in the block so many seconds all together; then they fail with OperationalError."""
        timer = asyncio.get_running_loop().call_later(max(0.0, seconds), self._give_up)
        try:
            yield
        finally:
            timer.cancel()

    def _give_up(self) -> None:
        self.overdue = True
        if not self.closed:
            with socket.socket(fileno=os.dup(self.fileno())) as road:
                road.shutdown(socket.SHUT_RDWR)

    @property
    def usable(self) -> bool:
        """Whether it is open and between transactions."""
        return not self.closed and not self.overdue and self.info.transaction_status == TransactionStatus.IDLE

    @property
    def gone(self) -> bool:
        """Whether the other end has hung up. Costs no round trip: an idle connection has nothing to read."""
        if not self.usable:
            return True
        poll = select.poll()
        poll.register(self.fileno(), select.POLLIN)
        return bool(poll.poll(0))


async def connect(url: str, *, timeout: float, statement_timeout: float, name: str) -> Connection:
    """Connect within `timeout` seconds, or raise `psycopg.OperationalError` or `TimeoutError`.

    `statement_timeout` makes the server, too, give up what nobody waits for any more; a little sooner than the
    client does, so that a slow statement need not cost the connection.
    """
    given = conninfo_to_dict(url)
    lazily = " -c synchronous_commit=off" if planted("commit-not-flushed") else ""
    connection = await asyncio.wait_for(
        Connection.connect(
            url,
            autocommit=True,
            application_name=name,
            gssencmode="disable",
            sslmode=given.get("sslmode") or "disable",  # the default, prefer, costs a round trip
            options=f"-c statement_timeout={int(statement_timeout * 900)}{lazily}",
            tcp_user_timeout=int(timeout * 1000),
        ),
        timeout,
    )
    connection.born = time.monotonic()
    return connection
