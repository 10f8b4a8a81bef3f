"""A taker: the part of a hog that takes a resource, in the hog's own process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, TypeAlias

Task: TypeAlias = Mapping[str, "str | int | float"]
Counts: TypeAlias = dict[str, "str | int | float"]

TAKING = "taking"  # and not there yet
HOLDING = "holding"  # has what was asked for
SHORT = "short"  # has less, and takes no more: `why` says why


class Taker(Protocol):
    """Takes a resource step by step, and gives it back.

    :ivar why: why it stopped short; empty if it did not.
    """

    why: str

    def step(self) -> str:
        """Take some more, or look after what is held; return the state. May wait for some hundredths of a second."""

    def counts(self) -> Counts:
        """Return what is held and what happened, by name."""

    def release(self) -> int:
        """Give all of it back; return how much of it is still there, in its own measure."""


class NotHere(Exception):
    """The resource is not to be had on this machine, for the reason given."""
