"""Messages: what goes over a WebSocket, and what is the reply to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from pytest_resilience.errors import UsageError
from pytest_resilience.load.each import Each
from pytest_resilience.load.websocket import takes_sent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_resilience.load.action import Call
    from pytest_resilience.load.websocket import Expects, WebSocket


class Messages:
    """Makes the message of each call."""

    def __init__(self, socket: WebSocket, *, share: int = 0, drivers: int = 1) -> None:
        """Take every `drivers`-th item of what is given as `each(...)`, from `share` on."""
        self._send = socket.send
        self._items: Iterator[object] | None = None
        if isinstance(self._send, Each):
            self._items = self._send.dealt(share, drivers)

    def __call__(self, call: Call) -> str | bytes:
        """Return the message for `call`.

        :raises UsageError: what gives it gave neither text nor bytes.
        """
        if self._items is not None:
            message: object = next(self._items)
        else:
            message = self._send(call) if callable(self._send) else self._send
        if not isinstance(message, (str, bytes)):
            raise UsageError(f"send= gave a {type(message).__name__}, expected text or bytes")
        return message


def replies(expect: Expects) -> Callable[[str | bytes, str | bytes], object]:
    """Return what tells whether a message is the reply to one that was sent, by what is expected."""
    if isinstance(expect, bool):
        return lambda _message, _sent: expect
    if not callable(expect):
        return lambda message, _sent: message == expect
    function = cast("Callable[..., object]", expect)
    if takes_sent(function):
        return function
    return lambda message, _sent: function(message)
