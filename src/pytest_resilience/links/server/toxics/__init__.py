"""The toxics, one file each, and how they are found by their type."""

from __future__ import annotations

from .bandwidth import Bandwidth
from .latency import Latency
from .limit_data import LimitData
from .noop import Noop
from .reset_peer import ResetPeer
from .slicer import Slicer
from .slow_close import SlowClose
from .timeout import Timeout
from .toxic import Toxic

KINDS: dict[str, type[Toxic]] = {
    kind.type: kind for kind in (Bandwidth, Latency, LimitData, Noop, ResetPeer, Slicer, SlowClose, Timeout)
}

__all__ = ["KINDS", "Toxic"]
