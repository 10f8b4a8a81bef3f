"""Heads: what is known of answers that begin with the very same bytes.

A service mostly gives the same head for a second at a time, when its Date moves on. One that is
known byte for byte, with a content-length, need not be parsed again: the same bytes mean the same
thing. That halves what reading an answer costs.
"""

from __future__ import annotations

import time

MOST = 256  # heads
SOON = 10.0  # seconds; a service with that many heads in less puts something of its own into each


class Heads:
    """What heads that were parsed before say.

    :ivar known: the status and the length of the body, by head.
    """

    def __init__(self) -> None:
        self.known: dict[bytes, tuple[int, int]] = {}
        self._since = time.monotonic()
        self._worth = True

    def learn(self, answer: bytes, status: int) -> None:
        """Take a whole answer, which was parsed without complaint and leaves its connection usable."""
        if not self._worth:
            return
        end = answer.find(b"\r\n\r\n") + 4
        head = answer[:end].lower()
        # An interim answer is followed by the real one; a chunked one may be longer the next time.
        if status < 200 or head.startswith(b"http/1.1 1") or b"\r\ncontent-length:" not in head:
            return
        if b"\r\ntransfer-encoding:" in head:
            return
        if len(self.known) >= MOST:
            self.known.clear()
            now = time.monotonic()
            self._worth, self._since = now - self._since > SOON, now
        self.known[answer[:end]] = (status, len(answer) - end)
