"""Requests in flight: what has come in at a port and has not been answered, as the kernel has counted it.

Bytes are all that the kernel knows. A connection on which bytes have come in since the last ones went out is a
request that waits for its answer, in any protocol in which the client speaks first; so is an upload in the middle, and
a handshake of TLS before its answer. One whose client has closed its side is none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pytest_resilience.measure.sockets import Ended, at_port

Look = Callable[[int], list[Ended]]


def _open_ones(port: int) -> list[Ended]:
    return at_port(port, closing=False)


@dataclass
class InFlight:
    """Counts the requests in flight at a port, from one look to the next.

    A request that came and was answered between two looks is not seen; what is counted was in flight at the look.

    :param look: returns the connections of the port.
    """

    port: int
    look: Look = _open_ones
    _carried: dict[tuple[str, int], Ended] = field(default_factory=dict)
    _waiting: set[tuple[str, int]] = field(default_factory=set)

    def count(self) -> int:
        """Look, and return how many there are."""
        now = {end.peer: end for end in self.look(self.port)}
        for peer, end in now.items():
            before = self._carried.get(peer, Ended(peer, 0, 0))
            if end.sent != before.sent:
                self._waiting.discard(peer)  # where both have grown, the answer may be to all that came
            elif end.received != before.received:
                self._waiting.add(peer)
        self._waiting &= now.keys()
        self._carried = now
        return len(self._waiting)
