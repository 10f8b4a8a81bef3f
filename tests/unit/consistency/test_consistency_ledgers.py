"""Ledgers: what was told against what is held, sets, queues, counters and banks; each with the bug it is there for."""

from __future__ import annotations

import pytest
from histories import lost, op

from pytest_resilience import (
    NoSamples,
    Operation,
    UsageError,
    counter_kept,
    nothing_doubled,
    nothing_lost,
    queue_kept,
    set_kept,
    total_kept,
)


def refused(kind: str, value: int) -> Operation:
    return Operation(kind=kind, value=value).failed()


def test_what_was_told_is_there() -> None:
    assert nothing_lost([1, 2], [3, 2, 1])
    found = nothing_lost([1, 2, 2, 4], [1])
    assert not found
    assert "3 of 4" not in found.text  # what is gone is counted once
    assert "2 of 4 are gone: 2, 4" in repr(found)
    with pytest.raises(NoSamples, match="nothing was acknowledged"):
        nothing_lost([], [1])


def test_many_losses_are_shortened() -> None:
    assert "and 88 more" in nothing_lost(range(100), []).text


def test_nothing_is_there_twice() -> None:
    assert nothing_doubled([1, 2, 3])
    assert "'3 2 times'" in nothing_doubled([1, 3, 3]).text
    with pytest.raises(NoSamples, match="there is nothing"):
        nothing_doubled([])


def test_a_set_holds_what_was_added() -> None:
    added = [op("add", 1), lost("add", 2), refused("add", 3), op("add", 4)]
    assert "1 of them without an acknowledgement" in set_kept(added, [1, 2, 4]).text
    assert set_kept(added, [1, 4])
    gone = set_kept(added, [1, 2])
    assert not gone
    assert [each.value for each in gone.counterexample] == [4]
    assert not set_kept(added, [1, 3, 4])  # it was refused
    assert "never added: 9" in set_kept(added, [1, 4, 9]).text
    with pytest.raises(NoSamples, match="not one 'add' of 1"):
        set_kept([lost("add", 1)], [1])


def test_a_queue_gives_each_element_once() -> None:
    put = [op("put", n, n, n + 1) for n in range(3)]
    took = [op("take", None, 5, 6, result=n) for n in range(3)]
    assert queue_kept([*put, *took, op("take", None, 7, 8)])
    assert "never came out" in queue_kept([*put, *took[:2]]).text
    assert queue_kept([*put, *took[:2], lost("take")])  # whoever asked may have it
    assert "more than once: 1" in queue_kept([*put, *took, took[1]]).text
    assert "never put" in queue_kept([*put, *took, op("take", result=9)]).text
    assert "never put" in queue_kept([*put, *took, refused("put", 9), op("take", result=9)]).text
    with pytest.raises(NoSamples, match="'take'"):
        queue_kept(put)


def test_a_reading_of_a_counter_is_possible() -> None:
    added = [op("add", 5, 0, 1), lost("add", 3, 2), op("add", -2, 4, 6)]
    for value in (5, 8, 3, 6):
        assert counter_kept([*added, op("read", None, 5, 7, result=value)]), value
    for value in (2, 9, 0):
        assert not counter_kept([*added, op("read", None, 5, 7, result=value)]), value
    assert not counter_kept([*added, op("read", None, 7, 8, result=7)])  # what was subtracted, was
    assert counter_kept([*added, op("read", None, 7, 8, result=13)], initial=10)
    assert not counter_kept([op("add", 1, 0, 1), refused("add", 1), op("read", None, 2, 3, result=2)])
    with pytest.raises(NoSamples, match="'add' and a 'read'"):
        counter_kept(added)
    with pytest.raises(UsageError, match="not a whole number"):
        counter_kept([op("add", "1"), op("read", result=1)])


def test_money_is_neither_made_nor_lost() -> None:
    assert total_kept([op("read", result=(10, 20)), op("read", result=(("a", 5), ("b", 25)))], total=30)
    assert "the first to 40" in total_kept([op("read", result=(10, 20)), op("read", result=(20, 20))], total=30).text
    assert "hold a debt" in total_kept([op("read", result=(-10, 40))], total=30).text
    assert total_kept([op("read", result=(-10, 40))], total=30, negative=True)
    with pytest.raises(NoSamples, match="not one reading"):
        total_kept([op("transfer", 3)], total=30)
    with pytest.raises(UsageError, match="all balances"):
        total_kept([op("read", result=30)], total=30)
    with pytest.raises(UsageError, match="is a number"):
        total_kept([op("read", result=("x",))], total=30)
