"""What the driver measured arrives whole, and a gap is noticed."""

from __future__ import annotations

import dataclasses
import pickle
import threading

import pytest

from pytest_resilience.errors import DriverDied
from pytest_resilience.load.driver.recorder import Recorder
from pytest_resilience.load.driver.wire import Batch, Final, Go, Ready, Unpacker, pack
from pytest_resilience.load.ledger import Ledger
from pytest_resilience.measure.samples import Sample, Samples, Strain


def ledger() -> tuple[Ledger, Samples]:
    samples = Samples()
    return Ledger(samples, threading.Lock()), samples


def test_messages_arrive_whole_however_the_stream_is_cut() -> None:
    messages = [Ready(), Go(1.5), Final(1, 2, 3, b"x" * 100)]
    stream = b"".join(pack(message) for message in messages)
    unpacker = Unpacker()
    assert [message for byte in stream for message in unpacker.feed(bytes([byte]))] == messages
    assert list(Unpacker().feed(stream)) == messages


def test_samples_strain_and_what_was_returned_come_back_as_they_were_recorded() -> None:
    recorder = Recorder()
    name = recorder.name("GET /")
    recorder.record(1, 1.5, 2, status=200, size=70, returned=("key", b"value"), name=name)
    recorder.record(2, 2, 3, status=503, error="status 503", example="HTTP/1.1 503", name=name)
    recorder.strain(3, 0.5, 0.001)
    recorder.unsent.append(9)
    books, samples = ledger()
    books.accept(recorder.batch(in_flight=4))
    assert books.in_flight == 4
    recorder.record(3, 3, 4, error="refused", example="nobody listens", name=name)
    recorder.record(4, 4, 5, status=503, error="status 503", example="another", name=name)
    books.accept(recorder.batch(in_flight=0))
    books.close(Final(recorder.batches, recorder.total, 4, recorder.unsent.tobytes()), whole=True)
    assert list(samples) == [
        Sample(1, 1.5, 2, 200, None, "GET /", ("key", b"value"), 70),
        Sample(2, 2, 3, 503, "status 503", "GET /"),
        Sample(3, 3, 4, None, "refused", "GET /"),
        Sample(4, 4, 5, 503, "status 503", "GET /"),
    ]
    assert samples.strain == [Strain(3, 0.5, 0.001)]
    assert samples.unsent == [9]
    assert books.examples == {"status 503": "HTTP/1.1 503", "refused": "nobody listens"}


def test_a_class_of_the_test_that_is_returned_is_still_that_class() -> None:
    @dataclasses.dataclass(frozen=True)
    class Booking:
        number: int

    recorder = Recorder()
    name = recorder.name("book")
    recorder.record(0, 0, 1, returned=Booking(7), name=name)
    books, samples = ledger()
    books.accept(recorder.batch(0))
    assert samples.returned == [Booking(7)]


def test_a_value_that_cannot_come_back_fails_its_own_call_and_no_other() -> None:
    recorder = Recorder()
    name = recorder.name("book")
    recorder.record(0, 0, 1, returned=1, name=name)
    recorder.record(1, 1, 2, returned=threading.Lock(), name=name)
    books, samples = ledger()
    books.accept(recorder.batch(0))
    assert [(sample.error, sample.returned) for sample in samples] == [(None, 1), ("NotPortable", None)]
    assert "returned a lock" in books.examples["NotPortable"]


def batches(count: int) -> list[Batch]:
    recorder = Recorder()
    name = recorder.name("x")
    made = []
    for number in range(count):
        recorder.record(number, number, number, name=name)
        made.append(recorder.batch(0))
    return made


def test_a_lost_batch_is_noticed() -> None:
    books, _ = ledger()
    first, _, third = batches(3)
    books.accept(first)
    with pytest.raises(DriverDied, match="samples were lost"):
        books.accept(third)


@pytest.mark.parametrize(
    "final", [Final(3, 2, 2, b""), Final(2, 3, 3, b""), Final(2, 2, 3, b"")], ids=["batch", "sample", "call"]
)
def test_totals_that_do_not_agree_are_noticed(final: Final) -> None:
    books, _ = ledger()
    for batch in batches(2):
        books.accept(batch)
    with pytest.raises(DriverDied, match="samples were lost"):
        books.close(final, whole=True)


def test_a_run_that_was_given_up_may_have_calls_without_an_outcome() -> None:
    books, samples = ledger()
    for batch in batches(2):
        books.accept(batch)
    books.close(Final(2, 2, 5, b""), whole=False)
    assert (len(samples), books.in_flight) == (2, 3)


def test_a_batch_is_small() -> None:
    recorder = Recorder()
    name = recorder.name("GET /")
    for number in range(1000):
        recorder.record(number, number, number, status=200, name=name)
    assert len(pickle.dumps(recorder.batch(0))) < 39_000
