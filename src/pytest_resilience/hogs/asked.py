"""What was asked for: checks of the arguments, and of whether they were reached."""

from __future__ import annotations

from typing import Protocol

from pytest_resilience.errors import FaultDidNotBite, UsageError
from pytest_resilience.hogs import floor
from pytest_resilience.hogs.taker import Counts

TOLERANCE = 0.01  # of the share that was asked for


class Asker(Protocol):
    """A hog, as far as is needed to say what it was asked for."""

    @property
    def optional(self) -> bool:
        """Whether nothing will do."""

    @property
    def fall_short(self) -> bool:
        """Whether less will do."""


class Sharer(Asker, Protocol):
    """A hog that takes a share of something, or so many bytes."""

    @property
    def share(self) -> float | None:
        """The share; None where bytes are asked for."""


def fell_short(hog: Asker, report: Counts, level: str, *, reached: bool, taken: str = "bytes_taken") -> Counts:
    """Return what the receipt says where less was reached than asked for: nothing where all was.

    :param level: what was reached, in words.
    :param taken: the count of the report that says how much of it is the hog's.
    :raises FaultDidNotBite: less was reached, or nothing taken, and was not allowed.
    """
    if reached and not report.get(taken) and not hog.optional:
        raise FaultDidNotBite(
            f"{hog}: took nothing, for others hold {level} already. Ask for more, or pass optional=True if this is "
            "expected"
        )
    if reached:
        return {}
    why = str(report.get("why") or "others gave back more than it took")
    if hog.fall_short and (report.get(taken) or hog.optional):
        return {"fell_short": f"{why}: reached {level}"}
    if hog.fall_short:
        raise FaultDidNotBite(f"{hog}: took nothing: {why}: reached {level}")
    raise FaultDidNotBite(
        f"{hog}: {why}: reached {level}. Ask for less, or pass fall_short=True, which says that less will do and says "
        "in the receipt how much it was"
    )


def taken_to(hog: Sharer, report: Counts, share: float) -> Counts:
    """Return what the receipt says of a hog that takes a share or bytes, and came to `share`.

    :raises FaultDidNotBite: less was reached, and was not allowed.
    """
    counts: Counts = {"bytes_taken": number(report, "bytes_taken"), "share_in_use": round(share, 4)}
    level = f"share {share:.3f}" if hog.share is not None else floor.words(number(report, "bytes_taken"))
    # A share that others hold already is in force, though the hog had nothing to take.
    reached = share >= hog.share - TOLERANCE if hog.share is not None else "why" not in report
    return counts | fell_short(hog, report, level, reached=reached)


def given_back(finals: list[Counts]) -> Counts:
    """Return what the receipt says of what a hog gave back ahead of time."""
    back = number(finals[0], "bytes_given_back")
    return {"bytes_given_back": back} if back else {}


def number(report: Counts, name: str) -> int:
    """Return a count of a report."""
    return int(report.get(name, 0))


def share(what: str, value: object) -> float:
    """Return a share.

    :raises UsageError: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= 1:
        raise UsageError(f"{what}(share={value!r}): expected a share of the whole, above 0 and at most 1, such as 0.9")
    return float(value)


def count(what: str, name: str, value: object) -> int:
    """Return a whole number above zero.

    :raises UsageError: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise UsageError(f"{what}({name}={value!r}): expected a whole number, one or more")
    return value


def share_or_bytes(what: str, part: object, size: object) -> tuple[float | None, int | None]:
    """Return one of the two, checked.

    :raises UsageError: both or neither were given, or it is out of range.
    """
    if (part is None) == (size is None):
        raise UsageError(f"{what}(share={part!r}, bytes={size!r}): expected one of the two")
    if part is not None:
        return share(what, part), None
    return None, count(what, "bytes", size)
