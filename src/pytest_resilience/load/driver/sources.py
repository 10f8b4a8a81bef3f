"""Sources: the addresses that connections to loopback come from.

Between one source address and one port of a service there are as many connections as the ephemeral
range has ports (28,232 by default), and finding a free one gets slow long before the last is taken.
All of 127.0.0.0/8 is loopback on Linux, so many connections are spread over several source addresses.
"""

from __future__ import annotations

import ipaddress
import math
import sys
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
USUAL = (32768, 60999)
FILL = 0.5  # of the ephemeral range that is used of one address
FIRST = int(ipaddress.IPv4Address("127.0.0.2"))


def ports() -> int:
    """Return how many ephemeral ports the host has for each source address."""
    try:
        low, high = map(int, RANGE.read_text().split())
    except (OSError, ValueError):
        low, high = USUAL
    return high - low + 1


def has_many(host: str) -> bool:
    """Tell whether connections to this address can come from more than one."""
    return sys.platform == "linux" and host.startswith("127.")


def addresses(host: str, connections: int, *, share: int = 0, drivers: int = 1, each: float | None = None) -> list[str]:
    """Return where the connections of one driver come from; nothing where the host's own choice will do.

    :param host: the address they go to.
    :param connections: how many there are in each driver.
    :param each: how many come from one address; half of the ephemeral ports if not given.
    """
    limit = ports() * FILL if each is None else each
    if not has_many(host) or connections * drivers <= limit:
        return []
    many = math.ceil(connections / limit)
    return [str(ipaddress.IPv4Address(FIRST + share * many + number)) for number in range(many)]


def taking_turns(found: list[str]) -> Iterator[tuple[str, int] | None]:
    """Yield, without end, the local address of the next connection; None for the host's own choice."""
    return cycle([(address, 0) for address in found] or [None])
