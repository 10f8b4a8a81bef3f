"""A flight: a handshake or a message that is under way."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_resilience.load.driver.line import HeldLine


class Flight:
    """A handshake, or a message that waits for its reply.

    :ivar user: whose it is.
    :ivar line: the connection, once there is one.
    :ivar greeting: the request of a handshake.
    :ivar message: what was sent.
    :ivar following: the message that was sent after it on the same connection.
    """

    __slots__ = ("due", "following", "greeting", "line", "message", "over", "sent", "user")

    def __init__(self, user: int, due: float, sent: float, line: HeldLine | None = None) -> None:
        self.user = user
        self.due = due
        self.sent = sent
        self.line = line
        self.greeting = b""
        self.message: str | bytes = b""
        self.following: Flight | None = None
        self.over = False
