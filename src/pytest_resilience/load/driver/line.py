"""A held line: one WebSocket connection, in little memory (RFC 6455, without extensions)."""

from __future__ import annotations

import asyncio
import base64
import os
import random
from typing import Protocol, cast

from pytest_resilience.load.driver import frames, trouble
from pytest_resilience.load.driver.connection import READ_SIZE
from pytest_resilience.load.driver.flight import Flight
from pytest_resilience.load.driver.frames import ProtocolError
from pytest_resilience.load.response import parse_headers

LARGEST_HEAD = 64 * 1024


class Owner(Protocol):
    """Whoever holds the line."""

    def opened(self, line: HeldLine) -> None:
        """Take the news that the handshake is complete."""

    def refused(self, line: HeldLine, status: int, error: str, example: str) -> None:
        """Take the news that the handshake was not."""

    def received(self, line: HeldLine, message: str | bytes) -> None:
        """Take a message."""

    def lost(self, line: HeldLine, error: str, example: str) -> None:
        """Take the end of a line that was open; once."""


class HeldLine(asyncio.Protocol):
    """A connection from its handshake to its end.

    :ivar opening: the handshake, until it is over.
    :ivar first: the oldest message that waits for its reply.
    :ivar leaving: whether it is to be closed as soon as nothing is waited for.
    """

    __slots__ = (
        "_buffer",
        "_expected",
        "_owner",
        "_parts",
        "_transport",
        "first",
        "last",
        "leaving",
        "opening",
        "user",
    )

    def __init__(self, owner: Owner, opening: Flight) -> None:
        self._owner = owner
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._expected: str | None = None
        self._parts: list[bytes] | None = None  # of a message in pieces; the opcode comes first
        self.user = opening.user
        self.opening: Flight | None = opening
        self.first: Flight | None = None
        self.last: Flight | None = None
        self.leaving = False

    # To the service

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._transport = cast("asyncio.Transport", transport)
        if hasattr(transport, "max_size"):
            transport.max_size = READ_SIZE

    def greet(self, greeting: bytes) -> None:
        """Begin the handshake: `greeting` is its request, without the key and the empty line at its end."""
        key = base64.b64encode(os.urandom(16))
        self._expected = frames.accept(key)
        self._write(b"%b\r\nsec-websocket-key: %b\r\n\r\n" % (greeting, key))

    def send(self, message: str | bytes, flight: Flight | None) -> None:
        """Send a message; `flight` waits for its reply."""
        text = isinstance(message, str)
        payload = message.encode() if isinstance(message, str) else message
        self._send(frames.TEXT if text else frames.BINARY, payload)
        if flight is None:
            return
        if self.last is None:
            self.first = flight
        else:
            self.last.following = flight
        self.last = flight

    def answered(self) -> Flight | None:
        """Take the oldest message off those that wait."""
        flight = self.first
        if flight is not None:
            self.first = flight.following
            if self.first is None:
                self.last = None
                if self.leaving:
                    self._say_goodbye()
        return flight

    def leave(self) -> None:
        """Close it in good order as soon as every message has its reply."""
        self.leaving = True
        if self.first is None and self.opening is None:
            self._say_goodbye()

    def abort(self) -> None:
        """Close it now; its owner is told nothing."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()

    def _say_goodbye(self) -> None:
        self._send(frames.CLOSE, frames.NORMAL.to_bytes(2, "big"))

    def _send(self, opcode: int, payload: bytes) -> None:
        self._write(frames.frame(opcode, payload, random.getrandbits(32)))

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    # From the service

    def data_received(self, data: bytes) -> None:
        """Take what comes."""
        if self._transport is None:
            return
        if self._buffer:
            data = self._buffer + data
        if self._expected is not None:
            end = data.find(b"\r\n\r\n") + 4
            if end < 4:
                self._buffer = data
                if not data.startswith(b"HTTP/1."[: len(data)]) or len(data) > LARGEST_HEAD:
                    self._refuse(0, "protocol", f"the answer is not HTTP/1.1: {data[:80]!r}")
                return
            self._shake_hands(data[: end - 4])
            data = data[end:]
        try:
            self._buffer = self._read(data)
        except (ProtocolError, UnicodeDecodeError) as error:
            self._lose("protocol", str(error))

    def _shake_hands(self, head: bytes) -> None:
        """Take the head of the answer, without the empty line after it: more may follow, and none of it is HTTP."""
        expected, self._expected = self._expected, None
        words = head.split(b" ", 2)
        status = int(words[1]) if len(words) > 2 and words[1].isdigit() and words[0].startswith(b"HTTP/1.") else 0
        if status != 101:
            known = 0 < status <= 999
            error = f"status {status}" if known else "protocol"
            self._refuse(status if known else 0, error, head[:300].decode("latin-1"))
        elif parse_headers(head).get("sec-websocket-accept") != expected:
            self._refuse(status, "protocol", "its Sec-WebSocket-Accept does not fit the key")
        else:
            self._owner.opened(self)
            self.opening = None
            if self.leaving:
                self._say_goodbye()

    def _read(self, data: bytes) -> bytes:
        """Take all frames that are complete; return the rest."""
        at = 0
        while self._transport is not None and at < len(data):
            frame = frames.read(data, at)
            if frame is None:
                return data[at:]
            at = frame.end
            if frame.opcode & frames.CONTROL:
                self._control(frame.opcode, frame.payload)
            elif frame.opcode and frame.final and self._parts is None:
                self._take(frame.opcode, frame.payload)
            else:
                self._piece(frame)
        return b""

    def _piece(self, frame: frames.Frame) -> None:
        if (self._parts is None) == (frame.opcode == frames.CONTINUATION):
            raise ProtocolError("a message in pieces begins in the middle, or before the last one has ended")
        if self._parts is None:
            self._parts = [bytes([frame.opcode])]
        self._parts.append(frame.payload)
        if frame.final:
            kind, *parts = self._parts
            self._parts = None
            self._take(kind[0], b"".join(parts))

    def _take(self, opcode: int, payload: bytes) -> None:
        self._owner.received(self, payload.decode() if opcode == frames.TEXT else payload)

    def _control(self, opcode: int, payload: bytes) -> None:
        if opcode == frames.PING:
            self._send(frames.PONG, payload)
        elif opcode == frames.CLOSE:
            transport = self._transport
            if not self.leaving or self.first is not None:
                code = frames.close_code(payload)
                self._send(frames.CLOSE, payload[:2])
                reason = payload[2:].decode(errors="replace")
                self._lose(f"closed {code}", f"the service closed it with {code}" + (f": {reason}" if reason else ""))
            elif transport is not None:
                transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Take the end of the connection."""
        if self._transport is None:
            return
        why = f": {exc}" if exc else ""
        if self.opening is not None:
            self._refuse(0, trouble.lost(exc), f"the connection was closed before the handshake was complete{why}")
        else:
            self._lose(f"closed {frames.ABNORMAL}", f"the connection was closed without a word{why}")

    def _refuse(self, status: int, error: str, example: str) -> None:
        self.abort()
        self._owner.refused(self, status, error, example)

    def _lose(self, error: str, example: str) -> None:
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.close()
        self._owner.lost(self, error, example)
