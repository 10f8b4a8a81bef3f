"""Columns keep what they are given and can be read while they grow."""

from __future__ import annotations

import threading

import pytest
from measuring import sample

from pytest_resilience.measure.columns import Columns
from pytest_resilience.measure.samples import Samples
from pytest_resilience.measure.store import BATCH


def test_samples_come_back_as_they_were_put_in():
    rows = [
        sample(1.0, 0.5, status=None, error="timeout", name="GET /slots"),
        sample(2.0, 0.1, lag=0.01, returned=("key", b"value")),
        sample(3.0, 0.1, status=503, error="status 503", name="POST /bookings"),
    ]
    assert list(Samples(rows)) == rows


def test_more_than_one_batch_comes_back_in_order():
    rows = [sample(float(index)) for index in range(BATCH * 2 + 5)]
    assert list(Samples(rows)) == rows


def test_what_is_returned_late_stays_with_its_own_sample():
    rows = [sample(1.0), sample(2.0), sample(3.0, returned="late")]
    samples = Samples(rows[:2])
    samples.append(rows[2])
    assert [one.returned for one in samples] == [None, None, "late"]


def test_a_batch_with_a_value_of_a_wrong_type_adds_nothing():
    samples = Samples([sample(1.0, returned="kept")])
    with pytest.raises(TypeError):
        samples.extend([sample(2.0), sample(3.0, status="200")])  # type: ignore[arg-type]
    samples.append(sample(4.0, returned="also"))
    assert [one.due for one in samples] == [1.0, 4.0]
    assert samples.returned == ["kept", "also"]


def test_a_selection_keeps_rows_of_every_run_of_the_mask():
    columns = Columns()
    columns.extend(sample(float(index), returned=index) for index in range(6))
    assert [one.returned for one in columns.select(bytes([1, 1, 0, 0, 1, 0]))] == [0, 1, 4]
    assert [one.returned for one in columns.select(bytes([0, 1]))] == [1]
    assert list(columns.select(b"")) == []


def test_a_selection_is_a_copy_that_does_not_grow():
    columns = Columns()
    columns.extend([sample(1.0, error="timeout")])
    cut = columns.select(b"\1")
    columns.extend([sample(2.0, error="refused")])
    assert [one.error for one in cut] == ["timeout"]


def test_a_reader_sees_only_whole_samples_while_another_thread_writes():
    samples = Samples()
    stop = threading.Event()

    def write() -> None:
        at = 0
        while not stop.is_set() and at < 300_000:
            samples.extend(
                sample(float(n), 1.0, error=f"kind {n % 7}", name=f"name {n % 5}", returned=n)
                for n in range(at, at + 50)
            )
            at += 50

    writer = threading.Thread(target=write)
    writer.start()
    try:
        seen = 0
        while writer.is_alive() and seen < 100:
            window = samples.between(0.0, 1e9)
            for number, one in enumerate(list(window)[-100:], start=max(0, len(window) - 100)):
                assert one == sample(
                    float(number), 1.0, error=f"kind {number % 7}", name=f"name {number % 5}", returned=number
                )
            if len(window):
                assert sum(window.errors.values()) == len(window.returned) == len(window.latencies) == len(window)
            seen += 1
    finally:
        stop.set()
        writer.join()
    assert seen > 1
