"""The live counters that a receipt is made of."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field


@dataclass
class Flow:
    """What was received in one direction of a proxy."""

    bytes: int = 0
    chunks: int = 0


@dataclass
class Touched:
    """What one toxic has had in its hands since it was made.

    :ivar connections: connections of which it had a chunk, or that it closed.
    :ivar chunks: chunks that went into it, and bytes in them.
    :ivar closed: connections that it closed, or is about to close, by itself.
    """

    connections: int = 0
    chunks: int = 0
    bytes: int = 0
    closed: int = 0

    def as_json(self) -> dict[str, object]:
        """Return them under their names."""
        return asdict(self)


@dataclass
class Counts:
    """What happened at one proxy since it was made.

    :ivar accepted: connections accepted.
    :ivar unreached: of these, the ones whose upstream could not be reached.
    :ivar cut: connections that were open when the proxy was disabled, moved or removed, and were closed by that.
    """

    accepted: int = 0
    unreached: int = 0
    cut: int = 0
    upstream: Flow = field(default_factory=Flow)
    downstream: Flow = field(default_factory=Flow)

    def as_json(self) -> dict[str, object]:
        """Return them under their names."""
        return asdict(self)
