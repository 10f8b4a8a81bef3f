"""Linearizability: every operation seems to happen at one moment between its call and its answer.

Herlihy and Wing, "Linearizability: A Correctness Condition for Concurrent Objects" (1990). It is local: a store is
linearizable if each of its keys is, so that keys are checked one by one.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable
from dataclasses import replace

from pytest_resilience.consistency.finding import Consistency, broken, kept, several, untold
from pytest_resilience.consistency.history import History
from pytest_resilience.consistency.models import Model, Register
from pytest_resilience.consistency.operation import Fate, Operation
from pytest_resilience.consistency.search import search
from pytest_resilience.errors import NoSamples, UsageError

BUDGET = 1_000_000
PROMISE = "linearizable"
OBSERVING = {"read"}


def linearizable(history: Iterable[Operation], model: Model | None = None, *, budget: int = BUDGET) -> Consistency:
    """Check that each key of the history behaved like `model`, as if one operation had happened after the other.

    :param model: what each key is; a `Register` that begins with None by default.
    :param budget: configurations tried for each key (about 100 bytes and some microseconds each); where they are used
        up, the answer is inconclusive.
    :raises NoSamples: no operation of it was answered, so that nothing was shown.
    """
    history, model = History(history), Register() if model is None else model
    if budget < 1:
        raise UsageError(f"budget={budget}: expected a number of configurations to try, such as {BUDGET}")
    if not any(each.fate is Fate.OK for each in history):
        raise NoSamples(f"{history!r}: not one operation was answered, so nothing was shown")
    tried, undecided = 0, []
    keys = history.by_key()
    for key, operations in keys.items():
        order = search(operations, model, budget=budget)
        tried += order.tried
        if order.possible is False:
            return _explained(key, operations, model, budget)
        if order.possible is None:
            undecided.append(key)
    if undecided:
        text = f"no answer within {budget:,} configurations for key {several(undecided)}: raise budget="
        return untold(PROMISE, text)
    return kept(PROMISE, f"{len(history)} operations on {len(keys)} keys, {tried} configurations tried")


def _explained(key: Hashable, operations: list[Operation], model: Model, budget: int) -> Consistency:
    fewest = _fewest(operations, model, budget)
    order = search(fewest, model, budget=budget)
    named = "" if key is None else f"key {key!r}: "
    done = ", ".join(map(str, order.longest)) or "nothing"
    stuck = [each for each in fewest if each.fate is Fate.OK and each not in order.longest]
    text = (
        f"{named}no order explains these {len(fewest)} of {len(operations)} operations; the longest is: {done}; "
        f"that leaves {order.state!r}, and then {several(map(str, stuck))} cannot come"
    )
    return broken(PROMISE, text, fewest)


def _fewest(operations: list[Operation], model: Model, budget: int) -> list[Operation]:
    """Return few of the operations that no order explains either.

    What had not been answered at the earliest moment at which it is wrong, may have been anything. Then whatever only
    looked on is left out if it can be: an order of all of them would be one without it, too. Last come the
    writes of what nobody saw any more.
    """
    ends = sorted(each.ended for each in operations if each.fate is Fate.OK)
    low, high = 0, len(ends) - 1
    while low < high:
        middle = (low + high) // 2
        if search(_until(operations, ends[middle]), model, budget=budget).possible is False:
            high = middle
        else:
            low = middle + 1
    left = _until(operations, ends[high])
    for each in [one for one in left if one.kind in OBSERVING] + [one for one in left if one.kind == "write"]:
        if each.kind == "write" and each.value in {value for one in left for value in _observed(one)}:
            continue
        without = [one for one in left if one is not each]
        if search(without, model, budget=budget).possible is False:
            left = without
    return left


def _until(operations: list[Operation], moment: float) -> list[Operation]:
    """Return what was known at that moment."""
    return [
        each if each.ended <= moment else replace(each, fate=Fate.UNKNOWN, result=None, ended=math.inf)
        for each in operations
        if each.began <= moment and (each.fate is not Fate.FAILED) and not (each.kind == "read" and each.ended > moment)
    ]


def _observed(operation: Operation) -> tuple[object, ...]:
    """Return the values that the operation has seen, or may have."""
    if operation.kind == "cas" and isinstance(operation.value, tuple):
        return operation.value[:1]
    return (operation.result,) if operation.kind == "read" else ()
