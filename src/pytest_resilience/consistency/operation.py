"""An operation: what a client asked of a store, when, and what it was told.

An operation that crashed or timed out may have happened or not, and may still happen at any later time: its fate is
unknown. Only one that was certainly refused did not happen. To take the first for the second is how a checker
comes to find bugs that are not there; to take it for a success, how it comes to miss those that are.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass, replace
from enum import Enum

from pytest_resilience.errors import UsageError


class Fate(Enum):
    """What became of an operation; the values are the words of Jepsen's histories."""

    OK = "ok"
    FAILED = "fail"
    """It certainly did not happen, and never will."""
    UNKNOWN = "info"
    """It may have happened, and may yet."""


@dataclass(frozen=True, kw_only=True)
class Operation:
    """What was asked and answered.

    An action under load returns one, from which `History.of(run.samples)` is made::

        asked = Operation(kind="write", key="x", value=call.index)
        try:
            await client.set("x", call.index)
        except ConnectionError:
            return asked.unknown()
        return asked.ok()

    :ivar kind: "read", "write", "cas", "acquire", "release", "add", "put", "take", ...: the checker's word for it.
    :ivar value: what was given: what is written or added, `(old, new)` of a compare-and-set.
    :ivar key: which register, lock or account it was; None where there is one.
    :ivar result: what was answered: what was read or taken, whether a compare-and-set was made.
    :ivar process: who asked, one thing at a time; the owner of a lock.
    :ivar began: when it was asked, in monotonic seconds.
    :ivar ended: when the answer came; `inf` if none did.
    """

    kind: str
    value: Hashable = None
    key: Hashable = None
    result: Hashable = None
    fate: Fate = Fate.UNKNOWN
    process: Hashable = None
    began: float = 0.0
    ended: float = math.inf

    def ok(self, result: Hashable = None) -> Operation:
        """Return it as one that was answered with `result`."""
        return replace(self, fate=Fate.OK, result=result)

    def failed(self) -> Operation:
        """Return it as one that certainly did not happen."""
        return replace(self, fate=Fate.FAILED)

    def unknown(self) -> Operation:
        """Return it as one of which nothing came back."""
        return replace(self, fate=Fate.UNKNOWN)

    def at(self, began: float, ended: float) -> Operation:
        """Return it with its time; that of an unknown fate has no end.

        :raises UsageError: it ends before it begins.
        """
        if not began <= ended:
            raise UsageError(f"{self}: ended at {ended}, before it began at {began}")
        return replace(self, began=began, ended=math.inf if self.fate is Fate.UNKNOWN else ended)

    def __str__(self) -> str:
        given = "" if self.value is None else f" {self.value!r}"
        key = "" if self.key is None else f" of {self.key!r}"
        told = {Fate.OK: f" → {self.result!r}", Fate.FAILED: " refused", Fate.UNKNOWN: " → ?"}[self.fate]
        return f"{self.kind}{given}{key}{told}"
