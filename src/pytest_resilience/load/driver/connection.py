"""A connection: one exchange at a time over HTTP/1.1.

httptools (llhttp) does the parsing: content-length, chunks, interim 1xx responses, and responses
without a body. What it leaves to its user is done here: a response to HEAD has no body whatever its
headers say, and one without a length ends where the connection does. An answer whose head is known
byte for byte is not parsed again; see `heads`.
"""

from __future__ import annotations

import asyncio
import select
import time
from typing import Protocol, cast

import httptools

from pytest_resilience.load.driver import trouble
from pytest_resilience.load.driver.exchange import Exchange
from pytest_resilience.load.driver.heads import Heads
from pytest_resilience.load.driver.upload import Upload
from pytest_resilience.load.response import parse_headers

# The stdlib's transports read into 256 KiB buffers, above the size from which malloc maps and unmaps
# pages on each read; smaller ones make it 1.3 to 3 times faster.
READ_SIZE = 32 * 1024
IDLE_UNCHECKED = 0.001  # seconds for which an idle connection is believed to be open still


class Owner(Protocol):
    """Whoever opened the connection.

    :ivar heads: what is known of the service's answers.
    """

    heads: Heads

    def answered(self, connection: Connection, exchange: Exchange, now: float) -> None:
        """Take a response that was complete at `now`; it is found in the connection's fields."""

    def broken(self, exchange: Exchange, error: str, example: str) -> None:
        """Take the news that the connection failed its exchange."""

    def gone(self, connection: Connection) -> None:
        """Take the news that the connection is closed."""


class Connection(asyncio.Protocol):
    """A connection to the service, kept open between exchanges.

    :ivar status: the status of the response that was last begun.
    :ivar head: the response as it came, until its headers were complete.
    :ivar body: the parts of the body, where they are kept.
    :ivar size: the bytes of the exchange so far, in both directions; a body in parts is counted at its end.
    :ivar reusable: whether it may carry another exchange.
    """

    reads = False
    """Whether it keeps the bodies."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._heads, self._known = owner.heads, owner.heads.known
        self._upload: Upload | None = None
        self._poll: select.poll | None = None
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._exchange: Exchange | None = None
        self._used = time.monotonic()
        self._headers_done = self._complete = self.reusable = False
        self.status = self.size = 0
        self.head = b""
        self.body: list[bytes] = []

    # To the service

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._transport = cast("asyncio.Transport", transport)
        if hasattr(transport, "max_size"):
            transport.max_size = READ_SIZE

    def usable(self, now: float) -> bool:
        """Tell whether a request may be written at `now`: the service has not closed it.

        A service closes connections that were idle for long, and its goodbye may lie unread in the
        socket. So after an idle time the socket is asked. Once a request is written it is never
        sent again: it may have had its effect.
        """
        transport = self._transport
        if transport is None or transport.is_closing():
            return False
        if now - self._used < IDLE_UNCHECKED:
            return True
        if self._poll is None:
            self._poll = select.poll()
            self._poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
        return not self._poll.poll(0)

    def send(self, exchange: Exchange) -> None:
        """Write the request of `exchange`."""
        transport = self._transport
        if transport is None:
            raise ConnectionError("the connection is not made yet")
        if exchange.bodiless:  # the parser would take what follows for the body that the headers announced
            self._parser = httptools.HttpResponseParser(self)
        self._exchange = exchange
        exchange.connection = self
        self._headers_done = self._complete = self.reusable = False
        self.head = b""
        encoded = exchange.encoded
        self.size = len(encoded.payload)
        transport.write(encoded.payload)
        if encoded.parts is not None:
            self._upload = Upload(transport, encoded.parts, encoded.length, self._unsendable)

    def _unsendable(self, error: Exception) -> None:
        self._fail(type(error).__name__, f"while the body was sent: {error}")

    def pause_writing(self) -> None:
        """Let an upload wait until the service has taken what is buffered."""
        if self._upload is not None:
            self._upload.pause()

    def resume_writing(self) -> None:
        """Let it go on."""
        if self._upload is not None:
            self._upload.resume()

    def abort(self) -> None:
        """Close it now, whatever is on it."""
        self._exchange = None
        if self._upload is not None:
            self._upload.cancel()
        if self._transport is not None:
            self._transport.abort()

    # From the service

    def data_received(self, data: bytes) -> None:
        """Take a part of an answer."""
        exchange = self._exchange
        if exchange is None:  # nothing was asked
            self.abort()
            return
        self.size += len(data)
        whole = not self.head and not exchange.bodiless
        if whole:
            end = data.find(b"\r\n\r\n") + 4
            known = self._known.get(data[:end])
            if known is not None and known[1] == len(data) - end:
                self.status, self.head, self.reusable = known[0], data, True
                if self.reads:
                    self.body = [data[end:]]
                self._finish()
                return
        self._parse(data)
        if self._complete:
            if whole and self.reusable:
                self._heads.learn(data, self.status)
            self._finish()

    def _parse(self, data: bytes) -> None:
        if not self._headers_done:
            self.head = self.head + data if self.head else data
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail("protocol", "the service switched protocols, which was not asked for")
        except httptools.HttpParserError as error:
            if not self._complete:
                self._fail("protocol", f"the answer is not HTTP/1.1: {error}: {bytes(data[:80])!r}")
            self.reusable = False  # where it is a good answer, followed by something else

    def eof_received(self) -> None:
        """Take the end of what the service sends, which may be the end of an answer."""
        if self._exchange is not None and self._headers_done and self._ends_with_connection():
            self.reusable = False
            self._finish()

    def connection_lost(self, exc: Exception | None) -> None:
        """Take the end of the connection."""
        if self._exchange is not None:
            when = "in the middle of its answer" if self.head else "before it answered"
            self._fail(trouble.lost(exc), f"the connection was closed {when}" + (f": {exc}" if exc else ""))
        self._owner.gone(self)

    def _ends_with_connection(self) -> bool:
        headers = parse_headers(self.head)
        return "content-length" not in headers and "chunked" not in headers.get("transfer-encoding", "")

    def _finish(self) -> None:
        exchange, self._exchange = self._exchange, None
        if self._upload is not None:
            # A service that answers before it has the whole request leaves a connection that nothing can follow on.
            self.reusable = self.reusable and self._upload.over
            self.size += self._upload.written
            self._upload.cancel()
            self._upload = None
        if exchange is not None:
            self._used = now = time.monotonic()
            self._owner.answered(self, exchange, now)

    def _fail(self, error: str, example: str) -> None:
        exchange = self._exchange
        self.abort()
        if exchange is not None:
            self._owner.broken(exchange, error, example)

    # From the parser, by these names

    def on_headers_complete(self) -> None:
        """Take the status; the response of a HEAD ends here."""
        if self._complete:
            return
        self.status = self._parser.get_status_code()
        self._headers_done = self.status >= 200
        if self._exchange is not None and self._exchange.bodiless and self._headers_done:
            self.reusable = self._parser.should_keep_alive()
            self._complete = True

    def on_message_complete(self) -> None:
        """Take the end of a response; an interim one is followed by another, and a second one is not ours."""
        if self._complete:
            self.reusable = self.reusable and self._exchange is not None and self._exchange.bodiless
        elif self.status >= 200:
            self.reusable = self._parser.should_keep_alive()
            self._complete = True


class ReadingConnection(Connection):
    """A connection that keeps the bodies. Without an `on_body` the parser does not even copy them."""

    reads = True

    def send(self, exchange: Exchange) -> None:
        """Write the request of `exchange`."""
        self.body = []
        super().send(exchange)

    def on_body(self, part: bytes) -> None:
        """Keep a part of the body."""
        self.body.append(part)
