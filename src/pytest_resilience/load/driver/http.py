"""HTTP: a caller that sends one request over and over, on as many connections as it takes."""

from __future__ import annotations

import asyncio
import socket
import time
from typing import TYPE_CHECKING, cast

from pytest_resilience.errors import SetupFailed
from pytest_resilience.load.action import Call
from pytest_resilience.load.driver import tls, trouble
from pytest_resilience.load.driver.alarm import alarm
from pytest_resilience.load.driver.connection import Connection, ReadingConnection
from pytest_resilience.load.driver.encode import Encoded, Encoder
from pytest_resilience.load.driver.exchange import Exchange
from pytest_resilience.load.driver.expiry import Expiry
from pytest_resilience.load.driver.heads import Heads
from pytest_resilience.load.driver.judge import Judge
from pytest_resilience.load.driver.limits import descriptors
from pytest_resilience.load.driver.patience import Patience
from pytest_resilience.load.driver.pool import Pool
from pytest_resilience.load.driver.recorder import Recorder
from pytest_resilience.load.request import Request
from pytest_resilience.measure.sample import IMPATIENT

if TYPE_CHECKING:
    from pytest_resilience.load.driver.caller import After

NEVER_SENT = Encoded(b"")


class HttpCaller:
    """Sends a request for each call."""

    def __init__(
        self,
        request: Request,
        recorder: Recorder,
        *,
        deadline: float,
        seed: int,
        connections: int | None = None,
        impatience: tuple[float, float] | None = None,
        share: int = 0,
        drivers: int = 1,
    ) -> None:
        self._request, self._recorder, self._seed = request, recorder, seed
        self._name = recorder.name(request.label)
        self._judge = Judge(request)
        self._bodiless = request.method == "HEAD"
        self._encode = Encoder(request, share=share, drivers=drivers)
        self._constant = self._encode.constant
        self._loop = asyncio.get_running_loop()
        self._expiry: Expiry[Exchange] = Expiry(self._loop, deadline, self._expire)
        self._patience: Patience[Exchange] | None = None
        if impatience is not None:
            key = f"{seed}/{share}/{request.label}"
            self._patience = Patience(
                impatience, self._leave, seed=key, make_alarm=lambda ring: alarm(self._loop, ring)
            )
        self.heads = Heads()
        kind = ReadingConnection if self._judge.reads else Connection
        self._pool = Pool(
            lambda: kind(self),
            limit=connections or descriptors(),
            deadline=deadline,
            refused=self._refused,
            tls=tls.context(request.verify, request.cert) if request.address.secure else None,
            host=request.address.host,
        )
        self.in_flight = 0
        self.begun = 0

    async def open(self) -> None:
        """Look the host up, once for the run."""
        self._pool.at = await look_up(self._request, self._request.address.host, self._request.address.port)

    async def admit(self, user: int) -> None:
        """Do nothing: users share the connections."""

    async def dismiss(self, user: int) -> None:
        """Do nothing."""

    def call(self, index: int, due: float, user: int, after: After | None = None) -> None:
        """Send the request, or let it wait for a connection."""
        sent = time.monotonic()
        self.begun += 1
        self.in_flight += 1
        encoded = self._constant
        if encoded is None:
            try:
                encoded = self._encode(Call(index, user, self._seed))
            except Exception as error:  # noqa: BLE001  (a user's function; what it raises is the outcome of the call)
                exchange = Exchange(due, sent, NEVER_SENT, after, bodiless=False)
                self._end(exchange, error=type(error).__name__, example=f"before sending: {error}")
                return
        exchange = Exchange(due, sent, encoded, after, self._bodiless)
        self._expiry.watch(exchange)
        if self._patience is not None:
            self._patience.watch(exchange, sent)
        self._pool.send(exchange)

    # What became of it

    def answered(self, connection: Connection, exchange: Exchange, now: float) -> None:
        """Judge and record a response."""
        status = connection.status
        error, example, kept = self._judge(status, connection.head, connection.body)
        # First, so that a user whose next call begins at once finds the connection idle.
        if connection.reusable:
            self._pool.free(connection)
        else:
            connection.abort()
        if error is None:
            exchange.over = True
            exchange.connection = None
            self.in_flight -= 1
            self._recorder.succeeded(exchange.due, exchange.sent, now, status, self._name, connection.size, kept)
            if exchange.after is not None:
                exchange.after(True)  # noqa: FBT003  (the answer, not a switch)
        else:
            self._end(exchange, now=now, status=status, error=error, example=example, size=connection.size)

    def broken(self, exchange: Exchange, error: str, example: str) -> None:
        """Record a failure."""
        self._end(exchange, error=error, example=example)

    def gone(self, connection: Connection) -> None:
        """Forget a connection that was closed."""
        self._pool.gone(connection)

    def _refused(self, exchange: Exchange, error: Exception) -> None:
        if not trouble.is_ours(error):
            self._end(exchange, error=trouble.category(error), example=f"connecting: {error}")
            return
        exchange.over = True
        self.in_flight -= 1
        self.begun -= 1
        self._recorder.unsent.append(exchange.due)
        if exchange.after is not None:
            exchange.after(False)  # noqa: FBT003  (as above)

    def _expire(self, exchange: Exchange) -> None:
        stage = "for a connection" if exchange.connection is None else "for an answer"
        self._drop(exchange, "timeout", stage)

    def _leave(self, exchange: Exchange) -> None:
        if not exchange.over:
            self._drop(exchange, IMPATIENT, "and left")

    def _drop(self, exchange: Exchange, error: str, stage: str) -> None:
        if exchange.connection is not None:
            exchange.connection.abort()
        self._end(exchange, error=error, example=f"waited {time.monotonic() - exchange.sent:.2f} s {stage}")

    def _end(
        self, exchange: Exchange, *, error: str, example: str, now: float | None = None, status: int = 0, size: int = 0
    ) -> None:
        exchange.over = True
        exchange.connection = None
        self.in_flight -= 1
        done = time.monotonic() if now is None else now
        self._recorder.record(
            exchange.due, exchange.sent, done, status=status, error=error, example=example, name=self._name, size=size
        )
        if exchange.after is not None:
            exchange.after(error == IMPATIENT)

    def give_up(self, *, record: bool) -> None:
        """Abort what is in flight."""
        for exchange in self._expiry.all():
            if record:
                self._expire(exchange)
            elif exchange.connection is not None:
                exchange.connection.abort()

    async def close(self) -> None:
        """Close the connections."""
        if self._patience is not None:
            self._patience.close()
        self._pool.close()


async def look_up(what: object, host: str, port: int) -> tuple[str, int]:
    """Return the address of `host`, an IPv4 one where there is one.

    :raises SetupFailed: it has none.
    """
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise SetupFailed(f"{what!r}: the host {host!r} cannot be looked up: {error}") from error
    # Services listen on 127.0.0.1, so where a name means that too, it is meant.
    found.sort(key=lambda one: one[0] is not socket.AF_INET)
    return cast("tuple[str, int]", found[0][4][:2])
