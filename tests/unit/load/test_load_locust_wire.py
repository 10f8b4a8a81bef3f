"""The wire and the samples of Locust: columns both ways, categories, times. Nothing here needs Locust."""

from __future__ import annotations

import errno
import threading

import pytest

from pytest_resilience.errors import DriverDied
from pytest_resilience.load.driver.locust_samples import DUE, MOST_TEXTS, OTHERS, LocustRecorder, category
from pytest_resilience.load.driver.locust_wire import (
    HEADER,
    Head,
    Plan,
    Unpacker,
    batch_of,
    final_of,
    pack,
    rows_of,
)
from pytest_resilience.load.ledger import Ledger
from pytest_resilience.load.profile import ramp, steady
from pytest_resilience.measure.samples import Sample, Samples


def arrived(frame: bytes) -> tuple[Head, bytes]:
    """The frame as it comes out at the other end, however it was cut up on the way."""
    unpacker, found = Unpacker(), []
    for byte in frame:
        found += unpacker.feed(bytes([byte]))
    (only,) = found
    return only


class CatchResponseError(Exception):
    pass


class ReadTimeoutError(Exception):
    pass


class HTTPConnectionClosed(Exception):
    pass


def wrapped(outer: Exception, inner: Exception) -> Exception:
    outer.__cause__ = inner
    return outer


def test_samples_go_through_the_wire_as_they_are() -> None:
    recorder = LocustRecorder(deadline=10)
    recorder.record("GET /a", 1.0, 1.25, 2.5, status=200, size=17)
    recorder.record("GET /b", 1.5, 1.5, 1.75, status=503, error="status 503", example="went wrong")
    recorder.strain(2.0, 0.5, 0.001)
    samples = Samples()
    ledger = Ledger(samples, threading.Lock())
    ledger.accept(batch_of(*arrived(pack(*recorder.batch()))))
    recorder.record("GET /a", 3.0, 3.0, 3.5)
    ledger.accept(batch_of(*arrived(pack(*recorder.batch()))))
    ledger.close(final_of(*arrived(pack(recorder.final()))), whole=True)
    assert [(one.due, one.sent, one.done, one.status, one.error, one.name) for one in samples] == [
        (1.0, 1.25, 2.5, 200, None, "GET /a"),
        (1.5, 1.5, 1.75, 503, "status 503", "GET /b"),
        (3.0, 3.0, 3.5, None, None, "GET /a"),
    ]
    assert ledger.examples == {"status 503": "went wrong"}
    assert isinstance(next(iter(samples)), Sample)


def test_a_batch_that_is_lost_on_the_way_is_noticed() -> None:
    recorder = LocustRecorder(deadline=10)
    ledger = Ledger(Samples(), threading.Lock())
    recorder.record("GET /a", 1.0, 1.0, 2.0)
    recorder.batch()
    recorder.record("GET /a", 1.0, 1.0, 2.0)
    with pytest.raises(DriverDied, match="samples were lost"):
        ledger.accept(batch_of(*arrived(pack(*recorder.batch()))))


def test_a_request_that_is_still_out_at_the_end_is_missed_by_the_totals() -> None:
    recorder = LocustRecorder(deadline=10)
    recorder.in_flight = 1
    ledger = Ledger(Samples(), threading.Lock())
    ledger.accept(batch_of(*arrived(pack(*recorder.batch()))))
    with pytest.raises(DriverDied, match="began 1 calls and reported 0 samples"):
        ledger.close(final_of(recorder.final(), b""), whole=True)


def test_columns_that_are_cut_short_are_no_batch() -> None:
    recorder = LocustRecorder(deadline=10)
    recorder.record("GET /a", 1.0, 1.0, 2.0)
    head, body = recorder.batch()
    with pytest.raises(ValueError, match="a batch of 1 samples has 37 bytes, expected 38"):
        batch_of(head, body[:-1])


def test_what_is_no_frame_is_refused_before_it_fills_the_memory() -> None:
    with pytest.raises(ValueError, match="expected at most"):
        list(Unpacker().feed(HEADER.pack(1 << 30, 5)))


def test_a_plan_arrives_with_its_profile() -> None:
    profile = ramp(0, 10, over=5) + steady(10)
    plan = Plan(
        role="worker", file="a.py", directory="/d", arguments=["--worker"], path=["/p"], pieces=rows_of(profile),
        closed=True, deadline=2.5, seed=3, share=1, workers=2,
    )  # fmt: skip
    head, _ = arrived(pack(plan.head()))
    assert Plan.of(head) == plan
    assert Plan.of(head).profile.pieces == profile.pieces


def test_times_are_those_of_the_test_s_clock() -> None:
    recorder = LocustRecorder(deadline=10, offset=100.0)
    recorder.record("GET /a", 1.0, 1.5, 2.0)
    recorder.strain(2.0, 0.5, 0.001)
    batch = batch_of(*recorder.batch())
    samples = Samples()
    Ledger(samples, threading.Lock()).accept(batch)
    assert [(one.due, one.sent, one.done) for one in samples] == [(101.0, 101.5, 102.0)]
    assert batch.strain == ((102.0, 0.5, 0.001),)


def told(recorder: LocustRecorder, **other: object) -> Sample:
    known: dict[str, object] = {"method": "GET", "name": "/a", "took": 0.5, "status": 200, "exception": None}
    recorder.heard(10.0, 0.5, **{**known, "context": {}, **other})  # type: ignore[arg-type]
    samples = Samples()
    Ledger(samples, threading.Lock()).accept(batch_of(*recorder.batch()))
    return list(samples)[-1]


def test_a_request_is_due_when_it_began_unless_its_context_says_otherwise() -> None:
    plain = told(LocustRecorder(deadline=10))
    assert (plain.due, plain.sent, plain.done) == (9.5, 9.5, 10.0)
    opened = told(LocustRecorder(deadline=10), context={DUE: 9.0})
    assert (opened.due, opened.sent, opened.done) == (9.0, 9.5, 10.0)


def test_an_answer_later_than_the_deadline_is_a_timeout_at_the_time_it_took() -> None:
    late = told(LocustRecorder(deadline=0.3))
    assert late.error == "timeout" and late.done - late.due == 0.5
    assert told(LocustRecorder(deadline=0.5)).error is None


def test_names_without_end_share_one() -> None:
    recorder = LocustRecorder(deadline=10)
    for number in range(MOST_TEXTS + 5):
        recorder.record(f"GET /{number}", 1.0, 1.0, 2.0)
    head, _ = recorder.batch()
    assert len(head["texts"]) == MOST_TEXTS + 1 and head["texts"][-1] == OTHERS


@pytest.mark.parametrize(
    ("exception", "status", "expected"),
    [
        (CatchResponseError("no slots"), 200, "check"),
        (Exception("503 Server Error"), 503, "status 503"),
        (wrapped(ConnectionError("x"), OSError(errno.ECONNREFUSED, "refused")), None, "refused"),
        (ConnectionResetError(errno.ECONNRESET, "reset"), None, "reset"),
        (HTTPConnectionClosed("closed"), None, "reset"),
        (ConnectionError(ReadTimeoutError("slow")), None, "timeout"),
        (TimeoutError("slow"), None, "timeout"),
        (OSError(errno.ENETUNREACH, "no way"), None, "unreachable"),
        (ValueError("else"), 200, "ValueError"),
    ],
)
def test_a_failure_has_the_category_of_what_caused_it(exception: Exception, status: int | None, expected: str) -> None:
    assert category(exception, status) == expected
