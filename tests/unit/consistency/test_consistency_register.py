"""Linearizability: known histories, a slow and obvious checker beside the quick one, and bugs that are planted."""

from __future__ import annotations

import random
from itertools import permutations

import pytest
from histories import lost, of_register, op

from pytest_resilience import History, Lock, NoSamples, Operation, Register, UsageError, linearizable
from pytest_resilience.consistency.operation import Fate
from pytest_resilience.measure.verdict import Outcome


def obvious(operations: list[Operation]) -> bool:
    """Try every order of every choice of what happened."""
    certain = [each for each in operations if each.fate is Fate.OK]
    perhaps = [each for each in operations if each.fate is Fate.UNKNOWN]
    for chosen in range(2 ** len(perhaps)):
        happened = certain + [each for place, each in enumerate(perhaps) if chosen >> place & 1]
        for order in permutations(happened):
            if any(a.began > b.ended for place, a in enumerate(order) for b in order[place + 1 :]):
                continue
            state: tuple[object] | None = (None,)
            for each in order:
                state = Register().step(state[0], each)  # type: ignore[arg-type]
                if state is None:
                    break
            else:
                return True
    return False


GOOD = {
    "one after the other": [op("write", 1, 0, 1), op("read", None, 2, 3, result=1)],
    "a read beside a write sees the old value": [op("write", 1, 0, 9), op("read", None, 1, 2)],
    "or the new one": [op("write", 1, 0, 9), op("read", None, 1, 2, result=1)],
    "what touches at one moment overlaps": [op("write", 1, 0, 1), op("read", None, 1, 2)],
    "what timed out happened": [lost("write", 1), op("read", None, 5, 6, result=1)],
    "or did not": [lost("write", 1), op("read", None, 5, 6)],
    "or happens later": [lost("write", 1), op("read", None, 5, 6), op("read", None, 7, 8, result=1)],
    "what was refused did not": [Operation(kind="write", value=1).failed(), op("read", None, 5, 6)],
    "a compare-and-set in a chain": [
        op("write", 1, 0, 1), op("cas", (1, 2), 2, 5, result=True), op("cas", (2, 3), 2, 5, result=True),
        op("read", None, 6, 7, result=3),
    ],
    "one that was not made": [op("write", 1, 0, 1), op("cas", (7, 8), 2, 3, result=False)],
}  # fmt: skip
BAD = {
    "a stale read": [op("write", 1, 0, 1), op("read", None, 2, 3)],
    "a value from nowhere": [op("write", 1, 0, 1), op("read", None, 2, 3, result=7)],
    "a lost update": [op("write", 1, 0, 1), op("write", 2, 2, 3), op("read", None, 4, 5, result=1)],
    "back and forth": [
        op("write", 1, 0, 9), op("read", None, 1, 2, result=1), op("read", None, 3, 4),
    ],
    "two who both won": [
        op("write", 1, 0, 1), op("cas", (1, 2), 2, 5, result=True), op("cas", (1, 3), 2, 5, result=True),
    ],
    "refused and there all the same": [Operation(kind="write", value=1).failed(), op("read", None, 5, 6, result=1)],
}  # fmt: skip


@pytest.mark.parametrize("operations", GOOD.values(), ids=GOOD)
def test_a_history_that_has_an_order_is_linearizable(operations: list[Operation]) -> None:
    assert linearizable(operations)
    assert obvious([each for each in operations if each.fate is not Fate.FAILED])


@pytest.mark.parametrize("operations", BAD.values(), ids=BAD)
def test_a_history_that_has_none_is_not(operations: list[Operation]) -> None:
    found = linearizable(operations)
    assert found.outcome is Outcome.MISSED
    assert found.counterexample
    assert "no order explains" in repr(found)


def test_it_agrees_with_a_checker_that_tries_everything() -> None:
    chance = random.Random(7)
    outcomes = []
    for _ in range(400):
        operations = of_register(chance, chance.randint(3, 6), processes=3, stale=chance.choice((0, 1)), unknown=0.15)
        if any(each.fate is Fate.OK for each in operations):
            outcomes.append(bool(linearizable(operations)))
            assert outcomes[-1] == obvious(operations), operations
    assert 25 < sum(outcomes) < len(outcomes) - 25  # both kinds came up


def test_long_histories_of_a_right_register_are_linearizable_and_those_of_a_stale_one_are_not() -> None:
    chance = random.Random(8)
    for _ in range(10):
        assert linearizable(of_register(chance, 100))
        assert not linearizable(of_register(chance, 60, stale=0.5))


def test_a_counterexample_is_small_and_still_one() -> None:
    chance = random.Random(9)
    sizes = []
    for _ in range(8):
        found = linearizable(of_register(chance, 50, stale=0.4))
        if not found:
            sizes.append(len(found.counterexample))
            assert not linearizable(found.counterexample)
    assert max(sizes) < 30


def test_the_smallest_counterexample_of_a_stale_read_is_the_write_and_the_read() -> None:
    before = [op("write", n, n, n + 0.5) for n in range(10)]
    reads = [op("read", None, n + 0.6, n + 0.7, result=n) for n in range(10)]
    found = linearizable([*before, *reads, op("read", None, 20, 21, result=3), op("write", 99, 30, 31)])
    assert [str(each) for each in found.counterexample] == ["write 3 → None", "write 9 → None", "read → 3"]


def test_keys_are_checked_one_by_one_and_the_wrong_one_is_named() -> None:
    def on(key: str, operation: Operation) -> Operation:
        return Operation(kind=operation.kind, value=operation.value, key=key).ok(operation.result).at(
            operation.began, operation.ended
        )  # fmt: skip

    good = [on("x", each) for each in GOOD["one after the other"]]
    assert linearizable(good + [on("y", each) for each in good])
    assert "key 'y'" in linearizable(good + [on("y", each) for each in BAD["a stale read"]]).text


def test_a_register_may_begin_with_a_value() -> None:
    assert linearizable([op("read", result=5)], Register(5))
    assert not linearizable([op("read", result=5)], Register(6))


def test_a_budget_that_is_used_up_tells_nothing_and_says_so() -> None:
    found = linearizable(of_register(random.Random(1), 100), budget=3)
    assert not found
    assert found.outcome is Outcome.INCONCLUSIVE
    assert "raise budget=" in found.text


def test_a_lock_is_held_by_one() -> None:
    first = [op("acquire", None, 0, 1, process="a"), op("release", None, 2, 3, process="a")]
    assert linearizable([*first, op("acquire", None, 2, 5, process="b")], Lock())
    assert not linearizable([*first, op("acquire", None, 1.2, 1.5, process="b")], Lock())
    assert linearizable([*first, op("acquire", None, 1.2, 1.5, process="b", result=False)], Lock())
    assert not linearizable([op("release", None, 0, 1, process="b")], Lock())


def test_what_a_model_does_not_know_is_said() -> None:
    with pytest.raises(UsageError, match="a register is read, written"):
        linearizable([op("append", 1)])
    with pytest.raises(UsageError, match="a lock is acquired"):
        linearizable([op("read")], Lock())
    with pytest.raises(UsageError, match="give process="):
        linearizable([op("acquire", process=None)], Lock())
    with pytest.raises(UsageError, match=r"is \(old, new\)"):
        linearizable([op("cas", 1, result=True)])
    with pytest.raises(UsageError, match="True or False"):
        linearizable([op("cas", (1, 2))])
    with pytest.raises(UsageError, match="budget=0"):
        linearizable([op("read")], budget=0)


def test_a_history_without_an_answer_shows_nothing() -> None:
    with pytest.raises(NoSamples, match="not one operation was answered"):
        linearizable([])
    with pytest.raises(NoSamples, match="not one operation was answered"):
        linearizable([lost("write", 1)])
    assert len(History([lost("write", 1)])) == 1
