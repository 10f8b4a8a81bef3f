"""A greeting: the request that begins the handshake of a WebSocket (RFC 6455, section 4.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_resilience.load.address import joined
from pytest_resilience.load.each import Each

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_resilience.load.action import Call
    from pytest_resilience.load.websocket import WebSocket


class Greetings:
    """Makes the request of each handshake, but for its key, which the connection draws."""

    def __init__(self, socket: WebSocket, *, share: int = 0, drivers: int = 1) -> None:
        """Take every `drivers`-th item of a path that is given as `each(...)`, from `share` on."""
        self._target, self._path = socket.address.target, socket.path
        self._tails: Iterator[object] | None = None
        if isinstance(self._path, Each):
            self._tails = self._path.dealt(share, drivers)
        fields = {
            "host": socket.address.authority,
            "upgrade": "websocket",
            "connection": "Upgrade",
            "sec-websocket-version": "13",
            **{name.lower(): value for name, value in (socket.headers or {}).items()},
        }
        self._fields = "\r\n".join(f"{name}: {value}" for name, value in fields.items())
        self._constant = self._request(self._target) if self._path is None else None

    def __call__(self, call: Call) -> bytes:
        """Return the request of the connection that `call` opens; raise what the user's function raises."""
        if self._constant is not None:
            return self._constant
        if self._tails is not None:
            tail: object = next(self._tails)
        else:
            tail = self._path(call) if callable(self._path) else ""
        return self._request(joined(self._target, str(tail)))

    def _request(self, target: str) -> bytes:
        return f"GET {target} HTTP/1.1\r\n{self._fields}".encode("latin-1")
