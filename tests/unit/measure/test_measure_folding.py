"""A run of any length is kept in bounded memory, and still tells what happened."""

from __future__ import annotations

import math
import random
from array import array

import pytest
from measuring import outage, sample

from pytest_resilience.measure import buckets
from pytest_resilience.measure.packed import Entry, Packed
from pytest_resilience.measure.recovery import recovery
from pytest_resilience.measure.samples import Sample, Samples
from pytest_resilience.measure.slo import SLO
from pytest_resilience.measure.store import Store

CHUNK = 1000


def rows(seconds: int, *, rate: int = 100, start: float = 0.0, seed: int = 1) -> list[Sample]:
    """An open load with a heavy tail of latencies, failures, late sends and two names, in the order of completion."""
    chance = random.Random(seed)
    made = []
    for index in range(seconds * rate):
        due, latency = start + index / rate, chance.lognormvariate(0, 1) / 100
        lag = 0.2 if chance.random() < 0.02 else 0.00005
        bad = chance.random() < 0.05
        name = "GET /slots" if chance.random() < 0.7 else "POST /bookings"
        status, error = (503, "status 503") if bad else (200, None)
        made.append(Sample(due, due + lag, due + lag + latency, status, error, name, None, 100 + index % 7))
    return sorted(made, key=lambda one: one.done)


def folded(samples: list[Sample], *, raw: int = 2, **sizes: int) -> Samples:
    """Samples that keep some thousands of them raw and fold all others."""
    return Samples(samples, store=Store(chunk=CHUNK, raw=raw, **sizes))


@pytest.fixture(scope="module")
def both() -> tuple[Samples, Samples]:
    made = rows(300)
    return Samples(made), folded(made)


def test_few_samples_stay_raw_and_many_are_folded_by_the_second(both):
    raw, long = both
    assert raw.resolution == 0.0
    assert long.resolution == 1.0
    assert len(long.latencies) <= 3 * CHUNK < len(long) == len(raw) == 30_000


@pytest.mark.parametrize("q", [0.01, 0.5, 0.9, 0.95, 0.99, 0.999])
def test_quantiles_of_folded_samples_are_within_half_a_per_cent(both, q):
    raw, long = both
    assert long.quantile(q) == pytest.approx(raw.quantile(q), rel=0.005)


@pytest.mark.parametrize("figure", ["failures", "statuses", "errors", "bytes", "names", "error_rate"])
def test_what_can_be_counted_is_exact(both, figure):
    raw, long = both
    assert getattr(long, figure) == getattr(raw, figure)


@pytest.mark.parametrize("figure", ["goodput", "rate", "span"])
def test_rates_and_the_span_are_those_of_raw_samples(both, figure):
    raw, long = both
    assert getattr(long, figure) == pytest.approx(getattr(raw, figure), rel=0.01)


def test_service_times_are_told_apart_from_latencies_where_the_driver_was_late(both):
    raw, long = both
    for q in (0.5, 0.9, 0.99):
        place = round(q * len(raw))
        exact, near = raw.view.spread("service")[place], long.view.spread("service")[place]
        assert near == pytest.approx(exact, rel=0.005, abs=0.001)


@pytest.mark.parametrize("cut", [(0, 60), (17, 93), (100, 101), (250, 300)])
def test_a_window_of_whole_seconds_is_the_same(both, cut):
    raw, long = (samples.between(*cut) for samples in both)
    assert len(long) == len(raw)
    assert long.errors == raw.errors
    assert long.p95 == pytest.approx(raw.p95, rel=0.005)
    assert long.rate == pytest.approx(raw.rate, rel=0.02)


def test_a_window_within_seconds_takes_those_whose_middle_is_within(both):
    _, long = both
    assert len(long.between(10.4, 12.4)) == 200  # the seconds from 10 and 11
    assert len(long.between(10.6, 12.6)) == 200  # from 11 and 12
    assert len(long.between(10.0, 11.5)) + len(long.between(11.5, 13.0)) == 300


def test_names_are_told_apart(both):
    raw, long = both
    for name in raw.names:
        assert len(long.named(name)) == len(raw.named(name))
        assert long.named(name).p99 == pytest.approx(raw.named(name).p99, rel=0.005)
    assert sum(len(long.named(name)) for name in long.names) == len(long)


@pytest.mark.parametrize("episode", [outage(30.3, 47.7), outage(40, 40.5), outage(290.2, 299)])
def test_every_folded_sample_is_before_during_or_after_an_episode(both, episode):
    raw, long = both
    sides = [long.before(episode), long.during(episode), long.after(episode)]
    assert sum(map(len, sides)) == len(long)
    # What the ends of the episode cut through is during it, so that nothing it touched is on another side.
    assert len(raw.during(episode)) <= len(sides[1]) <= len(raw.during(episode)) + 250
    assert len(sides[0]) <= len(raw.before(episode)) and len(sides[2]) <= len(raw.after(episode))


def test_near_an_episode_samples_stay_raw_and_the_windows_exact():
    made, episode = rows(300), outage(100.3, 102.7)
    long = Samples(store=Store(chunk=CHUNK, raw=2, kept=8))
    long.keep_near(lambda: [episode])
    long.extend(made)
    assert long.resolution == 1.0
    exact = Samples(made)
    for side in ("before", "during", "after", "under"):
        assert len(getattr(long, side)(episode)) == len(getattr(exact, side)(episode))
    assert long.during(episode).resolution == 0.0


def test_not_more_stays_raw_near_episodes_than_there_is_room_for():
    long = Samples(store=Store(chunk=CHUNK, raw=2, kept=1))
    long.keep_near(lambda: [outage(0, 300)])
    long.extend(rows(300))
    assert len(long.latencies) <= 4 * CHUNK
    assert len(long) == 30_000


def test_what_was_returned_is_never_folded():
    made = [sample(index / 100, returned=index) for index in range(8000)]
    assert folded(made).returned == list(range(8000))


def test_a_verdict_on_folded_samples_is_that_on_raw_ones(both):
    for slo in (SLO(p99=0.3, error_rate=0.06), SLO(p99=0.05), SLO(p50=0.02, error_rate=0.04), SLO(p95=0.0623)):
        raw, long = (slo.met_by(samples) for samples in both)
        assert (long.outcome, len(long.findings)) == (raw.outcome, len(raw.findings))


def test_a_bound_is_the_edge_of_its_bucket_and_so_never_too_sure():
    made = [sample(index / 100, 0.1) for index in range(10_000)]
    verdict = SLO(p99=0.1).met_by(folded(made))
    assert verdict.inconclusive  # all are of 100 ms, and all that is known is that they are of 99.6 to 100.4 ms
    assert SLO(p99=0.101).met_by(folded(made)).met


def test_a_driver_that_was_the_limit_is_still_known():
    late = [sample(index / 100, 0.5, lag=0.3) for index in range(8000)]
    found = folded(late).saturation()
    assert str(found).startswith("half of the arrivals were sent 300 ms late")


def test_when_the_seconds_take_too_much_the_oldest_are_given_up():
    made = rows(600)
    long = folded(made, seconds=4000)
    assert long.resolution > 1
    assert len(long) == len(made)
    assert long.p99 == pytest.approx(Samples(made).p99, rel=0.005)
    assert sum(len(part) for part in (long.between(0, 300), long.between(300, 601))) == len(made)


def test_folded_samples_can_be_gone_through_one_by_one(both):
    raw, long = both
    seen = list(long)
    assert len(seen) == len(raw)
    assert sum(one.error is not None for one in seen) == raw.failures
    assert sorted(int(one.due) for one in seen) == sorted(int(one.due) for one in raw)


def test_columns_of_a_driver_are_kept_as_tuples_are():
    made = rows(40)
    texts = ["status 503", "GET /slots", "POST /bookings"]
    columns = Samples(store=Store(chunk=CHUNK, raw=2))
    columns.extend_columns(
        due=array("d", [one.due for one in made]),
        sent=array("d", [one.sent for one in made]),
        done=array("d", [one.done for one in made]),
        status=array("h", [one.status for one in made]),
        error=array("h", [-1 if one.error is None else 0 for one in made]),
        name=array("h", [texts.index(one.name) for one in made]),
        texts=texts,
        size=array("q", [one.size for one in made]),
    )
    assert repr(columns) == repr(folded(made))
    assert list(columns) == list(folded(made))


def test_packing_loses_nothing():
    wide = [(1000, 3), (1001, 300), (200_000, 70_000)]
    entries = [
        Entry(5, 6, 5, 6, 200, -1, False, 4, 0, wide[:2], wide[:2], wide[:2]),
        Entry(5, 6, 35, 36, -1, 2, True, 70_303, 10**13, wide, wide[1:], wide[:1]),
    ]
    assert list(Packed(entries)) == entries
    assert list(Packed([])) == []


@pytest.mark.parametrize("value", [0.0, 1e-9, 0.00123, 0.25, 1.0, 59.99, 1e5])
def test_the_middle_of_a_bucket_is_within_half_a_per_cent(value):
    (bucket,) = buckets.numbers([value])
    assert buckets.floor(bucket) <= value < buckets.ceiling(bucket)
    assert buckets.middle(bucket) == pytest.approx(value, rel=0.004)


def test_a_clock_that_went_back_is_no_latency_below_zero():
    assert list(buckets.numbers([-1.0])) == [0]
    assert buckets.middle(0) == 0.0


def lame(seconds: float, *, until: float) -> list[Sample]:
    """An open load of 100 a second, every tenth call slow until some moment, and in a brief relapse."""
    slow = [
        index % 10 == 0 and (index / 100 < until or 400 <= index / 100 < 403) for index in range(round(seconds * 100))
    ]
    return sorted(
        (sample(index / 100, 0.9 if bad else 0.01) for index, bad in enumerate(slow)), key=lambda one: one.done
    )


@pytest.mark.parametrize(("until", "seconds"), [(10, 300), (30, 300), (30, 500), (450, 500)])
@pytest.mark.parametrize("kept", [0, 8])
def test_recovery_is_told_of_folded_samples_by_the_second(until, seconds, kept):
    made, episode, slo = lame(seconds, until=until), outage(5, 12), SLO(p95=0.1)
    long = Samples(store=Store(chunk=CHUNK, raw=2, kept=kept))
    long.keep_near(lambda: [episode])
    long.extend(made)
    exact = recovery(Samples(made), episode, to=slo)
    assert long.resolution == 1.0
    assert recovery(long, episode, to=slo) == pytest.approx(exact, abs=2.0)


@pytest.mark.parametrize("kept", [0, 8])
def test_what_never_recovered_did_not_of_folded_samples_either(kept):
    made, episode = lame(300, until=300), outage(5, 12)
    long = Samples(store=Store(chunk=CHUNK, raw=2, kept=kept))
    long.keep_near(lambda: [episode])
    long.extend(made)
    assert recovery(long, episode, to=SLO(p95=0.1)) == math.inf
