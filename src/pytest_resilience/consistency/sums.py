"""Sums: a counter whose every reading is possible, and a bank in which no money is made or lost."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from itertools import accumulate

from pytest_resilience.consistency.finding import Consistency, broken, kept
from pytest_resilience.consistency.history import History
from pytest_resilience.consistency.operation import Fate, Operation
from pytest_resilience.errors import NoSamples, UsageError


def counter_kept(history: Iterable[Operation], *, initial: int = 0) -> Consistency:
    """Check that every reading of a counter lies between what it must and what it may have been.

    As Jepsen's `checker/counter`, for increments that may be negative: a reading is at least what had been added, and
    acknowledged, before it began, less what may have been subtracted before it ended; and at most the other way round.

    :param history: operations of kind "add", with the increment as their value, and "read", with the result.
    :raises NoSamples: nothing was added, or nothing read.
    """
    history = History(history)
    added = [each for each in history.only("add") if each.fate is not Fate.FAILED]
    read = history.only("read", fate=Fate.OK)
    if not read or not any(each.fate is Fate.OK for each in added):
        raise NoSamples(f"{history!r}: a counter shows nothing without an acknowledged 'add' and a 'read'")
    ups = _Moves([each for each in added if _number(each.value, each) > 0])
    downs = _Moves([each for each in added if _number(each.value, each) < 0])
    wrong, bounds = [], ""
    for each in read:
        low = initial + ups.certain(each.began) + downs.possible(each.ended)
        high = initial + ups.possible(each.ended) + downs.certain(each.began)
        if not low <= _number(each.result, each) <= high:
            wrong.append(each)
            bounds = bounds or f", the first of them not from {low} to {high}"
    if wrong:
        return broken("the counter is kept", f"{len(wrong)} of {len(read)} readings are impossible{bounds}", wrong)
    return kept("the counter is kept", f"{len(read)} readings are possible, beside {len(added)} additions")


def total_kept(history: Iterable[Operation], *, total: float, negative: bool = False) -> Consistency:
    """Check that whatever is moved between accounts, every reading of all of them has the same sum.

    As Jepsen's bank test, which finds what a store promises as snapshot isolation and does not keep.

    :param history: operations of kind "read", whose result is all balances: numbers, or pairs of account and number.
    :param total: what they have to come to.
    :param negative: whether a balance may be below zero.
    :raises NoSamples: nothing was read.
    """
    read = History(history).only("read", fate=Fate.OK)
    if not read:
        raise NoSamples("not one reading of all balances was answered, so nothing was shown")
    wrong = [(each, sum(_balances(each))) for each in read if sum(_balances(each)) != total]
    if wrong:
        text = f"{len(wrong)} of {len(read)} readings do not come to {total}, the first to {wrong[0][1]}"
        return broken("the total is kept", text, [each for each, _ in wrong])
    overdrawn = [] if negative else [each for each in read if min(_balances(each), default=0) < 0]
    if overdrawn:
        return broken("the total is kept", f"{len(overdrawn)} of {len(read)} readings hold a debt", overdrawn)
    return kept("the total is kept", f"each of {len(read)} readings comes to {total}")


class _Moves:
    """Increments of one sign: what they came to at a moment, for certain and at most."""

    def __init__(self, operations: list[Operation]) -> None:
        begun = sorted((each.began, _number(each.value, each)) for each in operations)
        done = sorted((each.ended, _number(each.value, each)) for each in operations if each.fate is Fate.OK)
        self._begun, self._done = [at for at, _ in begun], [at for at, _ in done]
        self._begun_sums = [0, *accumulate(by for _, by in begun)]
        self._done_sums = [0, *accumulate(by for _, by in done)]

    def certain(self, moment: float) -> int:
        """Return the sum of what was done before the moment."""
        return self._done_sums[bisect_left(self._done, moment)]

    def possible(self, moment: float) -> int:
        """Return the sum of what had begun by the moment."""
        return self._begun_sums[bisect_right(self._begun, moment)]


def _number(value: object, operation: Operation) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise UsageError(f"{operation}: {value!r} is not a whole number, and a counter counts")
    return value


def _balances(operation: Operation) -> list[float]:
    """Return the numbers of a reading."""
    result = operation.result
    values = result.values() if isinstance(result, Mapping) else result
    if not isinstance(values, Iterable) or isinstance(values, str):
        raise UsageError(f"{operation}: the result of a reading is all balances, as (10, 20) or (('a', 10), ('b', 20))")
    found = [each[1] if isinstance(each, tuple) else each for each in values]
    if not all(isinstance(each, int | float) for each in found):
        raise UsageError(f"{operation}: a balance is a number")
    return found
