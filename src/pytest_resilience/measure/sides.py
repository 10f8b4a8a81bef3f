"""The sides of an episode: which samples are before it, in it, and after it, and other parts of time.

A side is bounds on when a sample was due and when it was done. A raw sample is within them or not. Of an
entry of a second that was folded only the second is known: it is before or after an episode, or under it, where all of
it is; during the episode where any of it may be; and between two moments where its middle is.
"""

from __future__ import annotations

import math
from array import array
from typing import Literal, NamedTuple

from pytest_resilience.errors import UsageError
from pytest_resilience.measure.block import Block
from pytest_resilience.measure.columns import Columns
from pytest_resilience.measure.packed import Entry
from pytest_resilience.timeline import Episode


class Side(NamedTuple):
    """Bounds on time, in monotonic seconds: from (inclusive), before (exclusive)."""

    due_from: float = -math.inf
    due_before: float = math.inf
    done_from: float = -math.inf
    done_before: float = math.inf
    takes: Literal["whole", "any", "middle"] = "whole"
    """Which entries of a folded second are within: those that wholly are, that may be in part, or whose middle is."""

    def mask(self, columns: Columns, count: int) -> bytes:
        """Return a byte for each of the first `count` rows, 1 where it is within."""
        if columns.last < self.done_from or columns.first >= self.due_before:
            return bytes(count)  # nearly all of a long run, for a window of its last seconds
        within = _number(b"\1" * count)
        for column, start, end in (
            (columns.due, self.due_from, self.due_before),
            (columns.done, self.done_from, self.done_before),
        ):
            values: array[float] = column[:count]
            # Floats, because an int compares itself with a float by NotImplemented, which is true.
            if start > -math.inf:
                within &= _number(bytes(map(float(start).__le__, values)))
            if end < math.inf:
                within &= _number(bytes(map(float(end).__gt__, values)))
        return within.to_bytes(count, "big")

    def cut(self, block: Block) -> Block | None:
        """Return the part of a block that is within; None for nothing."""
        start, end = block.start, block.end
        # All that it holds was due and done from its start to its end.
        if max(self.due_from, self.done_from) <= math.floor(start) and min(self.due_before, self.done_before) > end + 1:
            return block
        if max(self.due_from, self.done_from) > end + 1 or min(self.due_before, self.done_before) < math.floor(start):
            return None
        return block.select(self.holds)

    def holds(self, entry: Entry) -> bool:
        """Tell whether an entry is within."""
        due, due_end, done, done_end = entry[:4]
        if self.takes == "middle":
            due = due_end = (due + due_end) / 2  # type: ignore[assignment]
            done = done_end = (done + done_end) / 2  # type: ignore[assignment]
            return self.due_from <= due < self.due_before and self.done_from <= done < self.done_before
        if self.takes == "whole":
            starts = self.due_from <= due and self.done_from <= done
            return starts and due_end <= self.due_before and done_end <= self.done_before
        starts = self.due_from < due_end and self.done_from < done_end
        return starts and due < self.due_before and done < self.done_before


class Sides:
    """The sides of one episode; every sample is before, during or after it, and on no two of them."""

    __slots__ = ("healed", "healing", "striking", "struck")

    def __init__(self, episode: Episode) -> None:
        require_episode(episode)
        self.striking, self.struck = float(episode.striking), float(episode.struck)
        self.healing = math.inf if episode.healing is None else float(episode.healing)
        self.healed = math.inf if episode.healed is None else float(episode.healed)

    @property
    def before(self) -> Side:
        """What finished before the strike began."""
        return Side(done_before=self.striking)

    @property
    def after(self) -> Side:
        """What began after the heal was complete."""
        return Side(due_from=self.healed, done_from=self.striking)

    @property
    def during(self) -> Side:
        """What is on neither of these sides."""
        return Side(due_before=self.healed, done_from=self.striking, takes="any")

    @property
    def under(self) -> Side:
        """What began after the strike was complete and finished before the heal began."""
        return Side(due_from=self.struck, done_before=self.healing)


def require_episode(episode: object) -> None:
    """Raise `UsageError` for what is no episode, most likely the fault itself."""
    if not isinstance(episode, Episode):
        raise UsageError(
            f"{episode!r}, a {type(episode).__name__}, cuts no windows: give the episode, which is what `with` gives: "
            "`with service.killed() as outage:`"
        )


def _number(mask: bytes) -> int:
    """Read a mask as one long number, on which logic is a hundred times as fast as byte by byte."""
    return int.from_bytes(mask, "big")
