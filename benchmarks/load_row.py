"""A row of the load benchmark."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

CONNECTIONS = 64


@dataclass(frozen=True)
class Row:
    """What one generator did: requests, processor time and wall time in seconds, and how late each arrival was sent."""

    tool: str
    requests: float
    cpu: float
    wall: float
    late: list[float] | None = None

    def __str__(self) -> str:
        rate, cost = f"{self.requests / self.wall:10,.0f}/s", f"{self.cpu / self.requests * 1e6:9.1f} µs"
        per_core = f"{self.requests / self.cpu:10,.0f}/s per core"
        if self.late is None:
            return f"  {self.tool:20} {rate} {cost} {per_core}"
        ordered = sorted(self.late)
        p99 = ordered[int(len(ordered) * 0.99)]
        return f"  {self.tool:20} {rate} {cost}   p50 {statistics.median(ordered) * 1e3:6.3f}   p99 {p99 * 1e3:7.3f} ms"
