"""A Redis client of the smallest kind: one connection, one command at a time, time-outs on everything.

The protocol is RESP2 (https://redis.io/docs/latest/develop/reference/protocol-spec/). Services use it to ask whether
Redis is ready and to bring it back to empty, so that no client library is needed for that.
"""

from __future__ import annotations

import socket
from types import TracebackType
from typing import Union

from pytest_resilience.errors import ResilienceError

Reply = Union[str, int, None, list["Reply"]]  # noqa: UP007 — recursive, so evaluated as typing's


class RedisRefused(ResilienceError):
    """Redis answered a command with an error."""


class RespConnection:
    """A connection to one Redis server, usable as a context manager.

    :param timeout: seconds that connecting and each reply may take.
    :raises OSError: there is no server, or it does not answer in time (`TimeoutError`).
    """

    def __init__(self, host: str, port: int, *, timeout: float = 5.0) -> None:
        self._socket = socket.create_connection((host, port), timeout=timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._replies = self._socket.makefile("rb")

    def command(self, *words: str | float) -> Reply:
        """Send a command and return its reply; bytes are decoded as UTF-8, others escaped.

        :raises RedisRefused: the reply is an error.
        :raises OSError: the connection broke or the reply took too long.
        """
        parts = [str(word).encode("utf-8", "surrogateescape") for word in words]
        lines = [b"*%d\r\n" % len(parts), *(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)]
        self.send(b"".join(lines))
        try:
            return self.receive()
        except RedisRefused as refused:
            raise RedisRefused(f"{words[0]}: {refused}") from None

    def send(self, raw: bytes) -> None:
        """Send bytes as they are, and wait for no reply."""
        self._socket.sendall(raw)

    def receive(self) -> Reply:
        """Return the next reply to what was sent.

        :raises RedisRefused: the reply is an error.
        :raises OSError: the connection broke or the reply took too long.
        """
        return _checked(self._read())

    def close(self) -> None:
        """Close the connection."""
        self._replies.close()
        self._socket.close()

    def __enter__(self) -> RespConnection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _read(self) -> object:
        line = self._replies.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionResetError("Redis closed the connection in the middle of a reply")
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return _text(rest)
        if kind == b"-":
            return RedisRefused(_text(rest))
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return self._read_bulk(int(rest))
        if kind == b"*":
            return None if int(rest) < 0 else [self._read() for _ in range(int(rest))]
        raise ConnectionError(f"this is not Redis: it answered {line[:40]!r}")

    def _read_bulk(self, size: int) -> str | None:
        if size < 0:
            return None
        body = self._replies.read(size + 2)
        if len(body) < size + 2:
            raise ConnectionResetError("Redis closed the connection in the middle of a reply")
        return _text(body[:-2])


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _checked(reply: object) -> Reply:
    """Return the reply, in which an error may stand anywhere (EXEC answers with a list that may hold one)."""
    if isinstance(reply, RedisRefused):
        raise reply
    if isinstance(reply, list):
        return [_checked(one) for one in reply]
    if reply is None or isinstance(reply, str | int):
        return reply
    raise TypeError(f"not a reply of Redis: {reply!r}")
