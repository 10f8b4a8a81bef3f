"""Ledgers: what clients were told, against what the stores hold. Each promise is one plain sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable

from pytest_resilience.consistency.finding import Consistency, broken, kept, several
from pytest_resilience.consistency.history import History
from pytest_resilience.consistency.operation import Fate, Operation
from pytest_resilience.errors import NoSamples


def nothing_lost(told: Iterable[Hashable], held: Iterable[Hashable]) -> Consistency:
    """Check that whatever clients were told is there is there.

    ::

        held = [slot for (slot,) in postgres_server.query("SELECT slot FROM bookings")]
        assert nothing_lost(run.samples.returned, held)

    :param told: what was acknowledged.
    :param held: what the store holds; more than was acknowledged may be there.
    :raises NoSamples: nothing was acknowledged, so that nothing could be lost.
    """
    acknowledged, there = list(told), set(held)
    if not acknowledged:
        raise NoSamples("nothing was acknowledged, so it is not shown that nothing is lost")
    lost = [each for each in dict.fromkeys(acknowledged) if each not in there]
    if lost:
        return broken("nothing acknowledged is lost", f"{len(lost)} of {len(acknowledged)} are gone: {several(lost)}")
    return kept("nothing acknowledged is lost", f"all of {len(acknowledged)} are there, among {len(there)} held")


def nothing_doubled(held: Iterable[Hashable]) -> Consistency:
    """Check that nothing is there twice: bookings of a slot, ids that were given out, jobs that were done.

    :raises NoSamples: there is nothing.
    """
    counted = Counter(held)
    if not counted:
        raise NoSamples("there is nothing, so it is not shown that nothing is doubled")
    doubled = {each: times for each, times in counted.items() if times > 1}
    if doubled:
        shown = several(f"{each!r} {times} times" for each, times in doubled.items())
        return broken("nothing is doubled", f"{len(doubled)} of {len(counted)} are there more than once: {shown}")
    return kept("nothing is doubled", f"each of {len(counted)} is there once")


def set_kept(history: Iterable[Operation], held: Iterable[Hashable]) -> Consistency:
    """Check a set to which was only added: all that was acknowledged is held, and nothing that nobody added.

    As Jepsen's `checker/set`. What was added with an unknown fate may be there or not.

    :param history: operations of kind "add", with the element as their value.
    :param held: what the set holds in the end, read when nothing was under way any more.
    :raises NoSamples: no addition was acknowledged.
    """
    added, there = History(history).only("add"), set(held)
    _require_done(added, "add")
    lost = [each for each in added if each.fate is Fate.OK and each.value not in there]
    if lost:
        return broken("the set is kept", f"{len(lost)} acknowledged additions are gone", lost)
    possible = {each.value for each in added if each.fate is not Fate.FAILED}
    strange = [each for each in there if each not in possible]
    if strange:
        refused = [each for each in added if each.value in set(strange)]
        return broken("the set is kept", f"held, but refused or never added: {several(strange)}", refused)
    recovered = sum(each.fate is Fate.UNKNOWN and each.value in there for each in added)
    return kept("the set is kept", f"{len(there)} held, {recovered} of them without an acknowledgement")


def queue_kept(history: Iterable[Operation]) -> Consistency:
    """Check a queue that was emptied in the end: what was put was taken, once, and nothing else was.

    As Jepsen's `checker/total-queue`; order is not looked at. What was put with an unknown fate may be taken or not,
    and what was taken with an unknown fate may have been anything, so that as many may be missing.

    :param history: operations of kind "put", with the element as their value, and "take", with it as their result
        (None from an empty queue). Elements are to be unique.
    :raises NoSamples: nothing was put, or nothing taken.
    """
    history = History(history)
    put, took = history.only("put"), history.only("take", fate=Fate.OK)
    taken = [each for each in took if each.result is not None]
    _require_done(put, "put")
    _require_done(taken, "take")
    times = Counter(each.result for each in taken)
    doubled = [each for each in taken if times[each.result] > 1]
    if doubled:
        names = several(dict.fromkeys(each.result for each in doubled))
        return broken("the queue is kept", f"taken more than once: {names}", doubled)
    possible = {each.value for each in put if each.fate is not Fate.FAILED}
    strange = [each for each in taken if each.result not in possible]
    if strange:
        return broken("the queue is kept", "taken, but refused or never put", strange)
    missing = [each for each in put if each.fate is Fate.OK and each.value not in times]
    perhaps = len(history.only("take", fate=Fate.UNKNOWN))
    if len(missing) > perhaps:
        excuse = f", and only {perhaps} takings have an unknown fate" if perhaps else ""
        return broken("the queue is kept", f"{len(missing)} that were put never came out{excuse}", missing)
    return kept(
        "the queue is kept", f"{len(times)} taken, each once; {len(missing)} may be with those who never answered"
    )


def _require_done(operations: list[Operation], kind: str) -> None:
    if not any(each.fate is Fate.OK for each in operations):
        raise NoSamples(f"not one {kind!r} of {len(operations)} was acknowledged, so nothing was shown")
