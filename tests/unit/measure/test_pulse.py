"""A pulse tells what a run has been doing in the last seconds, and reads each sample once."""

from __future__ import annotations

from itertools import islice

import pytest

from pytest_resilience.measure.pulse import Pulse
from pytest_resilience.measure.sample import IMPATIENT, Sample
from pytest_resilience.measure.samples import Samples
from pytest_resilience.measure.store import Store


def call(done: float, latency: float = 0.01, error: str | None = None) -> Sample:
    return Sample(done - latency, done - latency, done, 200, error, "GET /")


def second(at: int, *, rate: int = 200, latency: float = 0.01, error: str | None = None) -> list[Sample]:
    return [call(at + number / rate, latency, error) for number in range(rate)]


def test_nothing_is_told_of_nothing():
    assert Pulse(Samples()).look(0.25, in_flight=0) == (None, None, None, None)


def test_quantiles_are_told_of_as_many_samples_as_they_take():
    samples = Samples()
    pulse = Pulse(samples)
    samples.extend(call(0.1) for _ in range(99))
    beat = pulse.look(0.25, in_flight=0)
    assert beat.p50 == pytest.approx(0.01, rel=0.004) and beat.p99 is None
    samples.append(call(0.2))
    assert pulse.look(0.5, in_flight=0).p99 == pytest.approx(0.01, rel=0.004)


def test_it_tells_of_the_last_seconds_alone():
    samples = Samples()
    pulse = Pulse(samples)
    for at in range(10):
        samples.extend(second(at, latency=0.5, error="refused"))
        beat = pulse.look(at + 1.0, in_flight=0)
    assert beat.p99 == pytest.approx(0.5, rel=0.004) and beat.errors == 1
    for at in range(10, 15):
        samples.extend(second(at))
        beat = pulse.look(at + 1.0, in_flight=0)
    assert beat.p99 == pytest.approx(0.01, rel=0.004) and beat.errors == 0


def test_the_rate_counts_what_began_although_nothing_is_answered():
    pulse = Pulse(Samples())
    beats = [pulse.look(at / 4, in_flight=50 * at) for at in range(40)]  # a service that stalls
    assert [beat.rate for beat in beats[:4]] == [None] * 4
    assert [beat.rate for beat in beats[4:]] == [200] * 36


def test_a_load_that_is_over_has_no_rate_left():
    samples = Samples(second(0))
    pulse = Pulse(samples)
    rates = [pulse.look(float(at), in_flight=0).rate for at in range(1, 9)]
    assert rates[-1] == 0


def test_those_who_gave_up_are_neither_failures_nor_patient():
    samples = Samples()
    pulse = Pulse(samples)
    samples.extend([call(0.1, error=IMPATIENT)])
    assert pulse.look(0.25, in_flight=0).errors is None
    samples.extend([call(0.3), call(0.3), call(0.3), call(0.3, error="reset"), call(0.3, error=IMPATIENT)])
    assert pulse.look(0.5, in_flight=0).errors == 0.25


@pytest.mark.parametrize("between", [1, 7, 64, 100, 150])
def test_each_sample_is_read_once_while_chunks_turn_and_are_folded(between: int):
    samples = Samples(store=Store(chunk=64, raw=3, kept=1))
    pulse = Pulse(samples)
    coming = iter([call(number / 1000, 0.01, "reset" if number % 4 == 0 else None) for number in range(3000)])
    read = 0
    while some := list(islice(coming, between)):
        samples.extend(some)
        pulse.look(1.0, in_flight=0)
        read += len(some)
        assert sum(part.waited for part in pulse._slices) == read
        assert sum(part.failed for part in pulse._slices) == (read + 3) // 4


def test_what_was_folded_between_two_looks_is_passed_over():
    samples = Samples(store=Store(chunk=64, raw=3, kept=1))
    pulse = Pulse(samples)
    samples.append(call(0.0))
    pulse.look(0.25, in_flight=0)
    samples.extend(call(number / 1000) for number in range(1, 1000))
    pulse.look(0.5, in_flight=0)
    samples.append(call(2.0, error="reset"))
    assert pulse.look(2.5, in_flight=0).errors is not None
    assert pulse._slices[-1].waited == 1
