"""A scope: which part of a link's traffic a fault works on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pytest_resilience.errors import UsageError
from pytest_resilience.links.toxiproxy import DOWNSTREAM, UPSTREAM, Toxic

Direction = Literal["both", "upstream", "downstream"]

_STREAMS = {"both": (UPSTREAM, DOWNSTREAM), UPSTREAM: (UPSTREAM,), DOWNSTREAM: (DOWNSTREAM,)}
_LONGEST = 86_400.0  # seconds that data may be delayed


@dataclass(frozen=True)
class Scope:
    """Which connections, in which direction, and from which byte on.

    Connections are counted from when the fault is struck: the ones that are open then come first, in the order in which
    they were accepted, and new ones follow.

    :ivar direction: `upstream` (what clients send), `downstream` (what the service answers), or `both`.
    :ivar toxicity: the share of connections, above 0 and at most 1, drawn from the seed.
    :ivar first: only so many connections, the first ones; None: all.
    :ivar every: only every second connection, for 2, and so on; with `first`, so many of those; None: all.
    :ivar after_bytes: so many bytes of each connection pass untouched, counted in each direction from when the fault
        met the connection.
    :ivar only_new: leave the connections alone that are open when the fault is struck.
    """

    direction: Direction = "both"
    toxicity: float = 1.0
    first: int | None = None
    every: int | None = None
    after_bytes: int = 0
    only_new: bool = False

    def toxics(self, who: str, kind: str, attributes: Mapping[str, int], *, name: str = "") -> list[Toxic]:
        """Return the toxics that do it, one a direction.

        :param who: the link and its fault, as in `database.slowed`, for messages and for the names of the toxics.
        :param name: what the toxics are called, without their direction; by default after the fault.
        :raises UsageError: something in the scope cannot be meant.
        """
        streams = self._streams(who)
        if not is_number(self.toxicity) or not 0 < self.toxicity <= 1:
            raise UsageError(f"{who}: toxicity={self.toxicity!r} must be a share above 0 and at most 1")
        counted = {key: value for key in ("first", "every") if (value := getattr(self, key)) is not None}
        for key, value in counted.items():
            whole(who, key, value, least=1)
        narrowed = dict(counted)
        if whole(who, "after_bytes", self.after_bytes):
            narrowed["after_bytes"] = self.after_bytes
        if self.only_new:
            narrowed["only_new"] = 1
        stem = name or who.rpartition(".")[2]
        return [Toxic(f"{stem}_{one}", kind, one, self.toxicity, {**attributes, **narrowed}) for one in streams]

    def _streams(self, who: str) -> tuple[str, ...]:
        try:
            return _STREAMS[self.direction]
        except (KeyError, TypeError):
            expected = ", ".join(map(repr, _STREAMS))
            raise UsageError(f"{who}: direction={self.direction!r} must be one of {expected}") from None


def is_number(value: object) -> bool:
    """Tell whether it is a finite number, and no truth value."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def whole(who: str, name: str, value: object, *, least: int = 0) -> int:
    """Return a whole number of at least `least`, or raise UsageError."""
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value < 2**63:
        raise UsageError(f"{who}: {name}={value!r} must be a whole number, {least} or more")
    return value


def seconds(who: str, name: str, value: float, *, unit: float, least: int = 0) -> int:
    """Return seconds as a whole number of `unit` (0.001: milliseconds) of at least `least`, or raise UsageError."""
    if not is_number(value) or not 0 <= value <= _LONGEST:
        raise UsageError(f"{who}: {name}={value!r} must be seconds, from 0 to {_LONGEST:g}")
    count = round(value / unit)
    if count < least:
        raise UsageError(f"{who}: {name}={value!r} must be at least {least * unit:g} seconds")
    return count
