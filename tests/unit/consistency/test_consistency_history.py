"""Histories: kept by threads, taken from samples, written for Jepsen."""

from __future__ import annotations

import math
import re
import threading
from itertools import count
from pathlib import Path

import pytest
from histories import lost, op

from pytest_resilience import History, NoSamples, Operation, UsageError
from pytest_resilience.consistency.operation import Fate
from pytest_resilience.measure.sample import Sample


def ticking() -> float:
    return float(next(TICKS))


TICKS = count()


def sample(returned: object, error: str | None = None) -> Sample:
    return Sample(due=1.0, sent=2.0, done=3.0, status=None, error=error, name="act", returned=returned)


def test_what_is_answered_refused_or_neither_is_kept_apart() -> None:
    history = History(refusals=(KeyError,), clock=ticking)
    with history.asking("write", 1, key="x") as ask:
        ask.answered()
    with pytest.raises(KeyError), history.asking("write", 2, key="x"):
        raise KeyError
    with pytest.raises(OSError, match="gone"), history.asking("write", 3, key="y"):
        raise OSError("gone")
    with history.asking("cas", (1, 2)) as ask:
        ask.refused()
    assert [each.fate for each in history] == [Fate.OK, Fate.FAILED, Fate.UNKNOWN, Fate.FAILED]
    assert [each.value for each in history.by_key()["x"]] == [1, 2]
    done, _, unknown, _ = history
    assert 0 <= done.began < done.ended < unknown.began
    assert math.isinf(unknown.ended)
    assert repr(history) == "<History: 4 operations, 1 ok, 2 refused, 1 unknown>"


def test_threads_may_record_into_one() -> None:
    history = History()

    def act() -> None:
        for n in range(100):
            with history.asking("write", n) as ask:
                ask.answered()

    threads = [threading.Thread(target=act) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(history.only("write", fate=Fate.OK)) == 400
    assert len({each.process for each in history}) <= 4


def test_a_run_is_a_history_of_what_its_actions_returned() -> None:
    asked = Operation(kind="write", value=1)
    history = History.of([sample(asked.ok()), sample(asked.unknown()), sample(None)])
    assert [(each.began, each.ended) for each in history] == [(2.0, 3.0), (2.0, math.inf)]


def test_a_call_that_raised_would_be_missing_and_is_said() -> None:
    with pytest.raises(NoSamples, match=r"\{'OSError': 1\}.*return operation.unknown\(\)"):
        History.of([sample(Operation(kind="write").ok()), sample(None, "OSError")])
    with pytest.raises(NoSamples, match="not one of 1 calls returned an Operation"):
        History.of([sample(7)])


def test_time_does_not_run_backwards() -> None:
    with pytest.raises(UsageError, match="before it began"):
        Operation(kind="read").ok(1).at(2, 1)


def test_it_is_written_as_jepsen_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "history.edn"
    operations = [
        op("write", 1, 10, 12, process="a"),
        lost("write", 2, 11, process="b"),
        op("read", None, 13, 14, result=1, process="b"),
        Operation(kind="cas", key="x", value=(1, 'a "b"'), process="a").ok(result=True).at(13, 14),
    ]
    History(operations).save(path)
    lines = path.read_text().splitlines()
    assert lines[0] == "{:index 0, :process 0, :type :invoke, :f :write, :value 1, :time 0}"
    assert lines[1] == "{:index 1, :process 1, :type :invoke, :f :write, :value 2, :time 1000000000}"
    assert lines[2] == "{:index 2, :process 0, :type :ok, :f :write, :value 1, :time 2000000000}"
    # Process b never heard of its write, so what it asks next is another process's.
    assert "{:index 3, :process 2, :type :invoke, :f :read, :value nil, :time 3000000000}" in lines
    assert any(':value ["x" [1 "a \\"b\\""]]' in line for line in lines)
    assert re.fullmatch(r"\{:index 7, :process 1, :type :info, :f :write, :value 2, :time \d+\}", lines[-1])
    with pytest.raises(UsageError, match=r"ends in \.edn"):
        History(operations).save(tmp_path / "history.txt")


def test_an_empty_history_is_an_empty_file(tmp_path: Path) -> None:
    History().save(tmp_path / "h.edn")
    assert (tmp_path / "h.edn").read_text() == ""
