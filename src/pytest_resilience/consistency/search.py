"""The search for an order in which the operations, one after the other, would have been answered so.

The algorithm is Wing and Gong's ("Testing and Verifying Concurrent Objects", 1993) with Lowe's memory of
configurations ("Testing for Linearizability", 2017), as in Porcupine and Knossos: go through the calls and returns in
the order of time, tentatively placing each call that the model allows; at a return whose call has not been placed, go
back on the last placement. A configuration, which calls were placed and what state that led to, is never tried twice.

A call of an unknown fate has no return: it may be placed at any time after it began, or never.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from pytest_resilience.consistency.models import Model
from pytest_resilience.consistency.operation import Fate, Operation


@dataclass(frozen=True)
class Order:
    """What was found.

    :ivar possible: whether there is such an order; None if the budget was used up before that was known.
    :ivar longest: the longest order that was found, from the first operation on.
    :ivar state: the state that it ends in.
    :ivar tried: how many configurations were tried.
    """

    possible: bool | None
    longest: tuple[Operation, ...]
    state: Hashable
    tried: int


class _Entry:
    """A call or a return, in a list with links both ways, from which a call that is placed is taken with its return."""

    __slots__ = ("bit", "call", "following", "operation", "preceding", "returned")

    def __init__(self, operation: Operation, bit: int, *, call: bool) -> None:
        self.operation, self.bit, self.call = operation, bit, call
        self.returned: _Entry | None = None
        self.preceding: _Entry | None = None
        self.following: _Entry | None = None

    def lift(self) -> None:
        """Take it and its return out of the list; each remembers its neighbours."""
        for entry in (self, self.returned):
            if entry is not None:
                if entry.preceding is not None:
                    entry.preceding.following = entry.following
                if entry.following is not None:
                    entry.following.preceding = entry.preceding

    def unlift(self) -> None:
        """Put them back, in the opposite order."""
        for entry in (self.returned, self):
            if entry is not None:
                if entry.preceding is not None:
                    entry.preceding.following = entry
                if entry.following is not None:
                    entry.following.preceding = entry


def search(operations: Sequence[Operation], model: Model, *, budget: int) -> Order:
    """Look for an order of the operations, all of one key, within so many configurations."""
    told = [each for each in operations if each.fate is not Fate.FAILED]
    head = _linked(told)
    state, placed, owed = model.initial, 0, sum(each.fate is Fate.OK for each in told)
    tried: set[tuple[int, Hashable]] = {(0, state)}
    stack: list[tuple[_Entry, Hashable]] = []
    longest: tuple[Operation, ...] = ()
    reached = state
    entry = head.following
    while owed:
        if entry is not None and entry.call:
            after = model.step(state, entry.operation)
            configuration = None if after is None else (placed | entry.bit, after[0])
            if configuration is None or after is None or configuration in tried:
                entry = entry.following
                continue
            if len(tried) >= budget:
                return Order(possible=None, longest=longest, state=reached, tried=len(tried))
            tried.add(configuration)
            stack.append((entry, state))
            placed, state = configuration[0], after[0]
            owed -= entry.operation.fate is Fate.OK
            entry.lift()
            entry = head.following
            if len(stack) > len(longest):
                longest, reached = tuple(one.operation for one, _ in stack), state
            continue
        if not stack:
            return Order(possible=False, longest=longest, state=reached, tried=len(tried))
        entry, state = stack.pop()
        placed &= ~entry.bit
        owed += entry.operation.fate is Fate.OK
        entry.unlift()
        entry = entry.following
    return Order(possible=True, longest=longest, state=reached, tried=len(tried))


def _linked(operations: Sequence[Operation]) -> _Entry:
    """Return the head of the list of calls and returns; of two at one moment, the call is first: they overlap."""
    events: list[tuple[float, bool, _Entry]] = []
    for place, each in enumerate(operations):
        call = _Entry(each, 1 << place, call=True)
        events.append((each.began, False, call))
        if each.fate is Fate.OK:
            call.returned = _Entry(each, 1 << place, call=False)
            events.append((each.ended, True, call.returned))
    events.sort(key=lambda event: event[:2])
    head = last = _Entry(Operation(kind="start"), 0, call=True)
    for _, _, entry in events:
        last.following, entry.preceding = entry, last
        last = entry
    return head
