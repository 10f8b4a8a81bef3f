"""The floor: what a hog always leaves of the host, so that the host lives.

There are two lines. At the floor a hog takes no more, and gives back when others go below it. At half of the floor
somebody else is the trouble, and the guard ends the scenario.
"""

from __future__ import annotations

from pytest_resilience.errors import UsageError

MIB = 1024 * 1024
GIB = 1024 * MIB
CRITICAL = 0.5  # of the floor
LOAD_PER_CPU = 32.0  # the 1-minute load average per CPU at which the guard ends the scenario


def memory(total: int) -> int:
    """Return how many bytes of memory stay available: 5 % of `total`, 512 MiB at least."""
    return max(total // 20, 512 * MIB)


def disk(total: int) -> int:
    """Return how many bytes of a filesystem stay free: 2 % of `total`, 1 GiB at least."""
    return max(total // 50, GIB)


def files(most: int) -> int:
    """Return how many open files of the host's `most` stay free: one in ten, 4,096 at least."""
    return max(most // 10, 4096)


def vram(total: int) -> int:
    """Return how many bytes of a GPU's memory stay free: 2 % of `total`, 256 MiB at least."""
    return max(total // 50, 256 * MIB)


def refuse_beyond(what: str, left: int, floor: int, total: int, *, fall_short: bool) -> None:
    """Raise `UsageError` if `what` would leave less than the floor of a `total`; `fall_short` allows it."""
    if left >= floor - MIB or fall_short:
        return
    most = max(0.0, 1 - floor / total) if total else 0.0
    raise UsageError(
        f"{what}: would leave {words(max(left, 0))} of {words(total)}, and the floor that keeps this host alive is "
        f"{words(floor)}: at most share={int(most * 1000) / 1000:g} in all can be taken. Ask for less, or pass "
        "fall_short=True to stop at the floor, which the receipt says"
    )


def words(size: float) -> str:
    """Return a size in words.

    >>> words(1536 * 1024 * 1024)
    '1.5 GiB'
    """
    if size >= GIB:
        return f"{size / GIB:.3g} GiB"
    return f"{size / MIB:.4g} MiB"
