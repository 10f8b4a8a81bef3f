"""A Postgres client of the smallest kind: trust authentication, simple queries, text results, time-outs.

The protocol is version 3.0 (https://www.postgresql.org/docs/current/protocol-message-formats.html). Services use it
to ask whether Postgres is ready and to bring it back to fresh, so that no client library is needed for that.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from types import TracebackType

from pytest_resilience.errors import ResilienceError

PROTOCOL = 196608  # 3.0
Row = tuple[str | None, ...]


class PostgresRefused(ResilienceError):
    """Postgres answered with an error.

    :ivar code: its SQLSTATE, such as `57P03` while it is starting.
    :ivar fatal: whether the session ended by it.
    """

    def __init__(self, message: str, *, code: str, fatal: bool) -> None:
        super().__init__(message)
        self.code = code
        self.fatal = fatal


class PgConnection:
    """A session of one user in one database, usable as a context manager.

    :param timeout: seconds that connecting and each message may take.
    :raises OSError: there is no server, or it does not answer in time (`TimeoutError`).
    :raises PostgresRefused: the server does not let this user in, or not yet.
    """

    def __init__(self, host: str, port: int, *, user: str, database: str, timeout: float = 5.0) -> None:
        self._socket = socket.create_connection((host, port), timeout=timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._messages = self._socket.makefile("rb")
        words = ("user", user, "database", database, "application_name", "pytest-resilience")
        body = struct.pack("!i", PROTOCOL) + b"".join(word.encode() + b"\0" for word in words) + b"\0"
        try:
            self._socket.sendall(struct.pack("!i", len(body) + 4) + body)
            self._until_ready()
        except BaseException:
            self._drop()
            raise

    def query(self, sql: str) -> list[Row]:
        """Run `sql` and return the rows of its last statement, each value as text or None.

        :raises PostgresRefused: Postgres answered with an error.
        :raises OSError: the connection broke or the answer took too long.
        """
        self._send(b"Q", sql.encode() + b"\0")
        return self._until_ready()

    def close(self) -> None:
        """End the session."""
        with contextlib.suppress(OSError):  # when the server is gone, so is the session
            self._send(b"X", b"")
        self._drop()

    def __enter__(self) -> PgConnection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _drop(self) -> None:
        self._messages.close()
        self._socket.close()

    def _send(self, kind: bytes, body: bytes) -> None:
        self._socket.sendall(kind + struct.pack("!i", len(body) + 4) + body)

    def _receive(self) -> tuple[bytes, bytes]:
        head = self._messages.read(5)
        if len(head) < 5:
            raise ConnectionResetError("Postgres closed the connection")
        size = struct.unpack("!i", head[1:])[0] - 4
        body = self._messages.read(size)
        if len(body) < size:
            raise ConnectionResetError("Postgres closed the connection in the middle of a message")
        return head[:1], body

    def _until_ready(self) -> list[Row]:
        rows: list[Row] = []
        refused: PostgresRefused | None = None
        while True:
            kind, body = self._receive()
            if kind == b"Z":
                break
            if kind == b"T":
                rows = []
            elif kind == b"D":
                rows.append(_row(body))
            elif kind == b"E":
                refused = refused or _refusal(body)
                if refused.fatal:
                    raise refused
            elif kind == b"R" and body[:4] != b"\0\0\0\0":
                raise PostgresRefused("it asks for a password, and only trust is spoken here", code="28000", fatal=True)
        if refused is not None:
            raise refused
        return rows


def _row(body: bytes) -> Row:
    (columns,) = struct.unpack_from("!h", body)
    values: list[str | None] = []
    at = 2
    for _ in range(columns):
        (size,) = struct.unpack_from("!i", body, at)
        at += 4
        values.append(None if size < 0 else body[at : at + size].decode("utf-8", "surrogateescape"))
        at += max(size, 0)
    return tuple(values)


def _refusal(body: bytes) -> PostgresRefused:
    fields = {field[:1]: field[1:].decode("utf-8", "replace") for field in body.split(b"\0") if field}
    severity, code = fields.get(b"V", "ERROR"), fields.get(b"C", "XX000")
    detail = f" ({fields[b'D']})" if b"D" in fields else ""
    text = f"{fields.get(b'M', 'no message')}{detail} [{code}]"
    return PostgresRefused(text, code=code, fatal=severity in {"FATAL", "PANIC"})
