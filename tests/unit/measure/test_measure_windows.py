"""Windows part samples so that each is in exactly one, and say where they were cut."""

from __future__ import annotations

import random

import pytest
from measuring import outage, sample, steady

from pytest_resilience.errors import NoSamples, UsageError
from pytest_resilience.faults.fault import Breakage, fault
from pytest_resilience.measure.samples import Samples, Strain
from pytest_resilience.timeline import Receipt


@pytest.mark.parametrize(
    ("due", "latency", "window"),
    [
        (1.0, 0.5, "before"),
        (1.0, 2.0, "during"),  # finished at the very strike
        (2.9, 0.5, "during"),  # in flight when it was struck
        (2.0, 9.0, "during"),  # in flight throughout
        (3.0, 0.1, "during"),
        (7.9, 0.5, "during"),  # in flight when it was healed
        (8.0, 0.1, "after"),  # due at the very heal
        (9.0, 0.1, "after"),
    ],
)
def test_a_sample_is_in_the_window_that_its_times_say(due, latency, window):
    samples = Samples([sample(due, latency)])
    cut = {name: len(getattr(samples, name)(outage(3.0, 8.0))) for name in ("before", "during", "after")}
    assert cut == {"before": 0, "during": 0, "after": 0} | {window: 1}


@pytest.mark.parametrize("healed", [8.0, None])
def test_every_sample_is_in_exactly_one_window(healed):
    chance = random.Random(7)
    samples = Samples(sample(chance.uniform(0, 12), chance.expovariate(1), returned=n) for n in range(1, 2000))
    parts = [getattr(samples, name)(outage(3.0, healed)) for name in ("before", "during", "after")]
    assert sorted(n for part in parts if len(part) for n in part.returned) == list(range(1, 2000))


def test_nothing_is_after_a_fault_that_is_in_force():
    samples = steady(10)
    assert len(samples.after(outage(3.0, None))) == 0
    assert len(samples.before(outage(3.0, None))) + len(samples.during(outage(3.0, None))) == len(samples)


def test_what_met_the_breaking_or_the_healing_is_in_neither_of_the_clean_windows():
    fault = outage(3.0, 8.0)
    fault.striking, fault.healing = 2.0, 7.0
    rows = [sample(1.5, 0.4), sample(1.9, 0.2), sample(2.5), sample(4.0), sample(6.9, 0.2), sample(7.5), sample(8.0)]
    samples = Samples(rows)
    assert [one.due for one in samples.before(fault)] == [1.5]
    assert [one.due for one in samples.during(fault)] == [1.9, 2.5, 4.0, 6.9, 7.5]
    assert [one.due for one in samples.after(fault)] == [8.0]


def test_under_a_fault_is_what_knew_nothing_else():
    fault = outage(3.0, 8.0)
    fault.striking, fault.healing = 2.0, 7.0
    samples = Samples([sample(1.9, 1.2), sample(2.5), sample(4.0), sample(6.9, 0.2), sample(7.5)])
    assert [one.due for one in samples.under(fault)] == [4.0]
    assert samples.under(fault).label == "under redis.killed"
    assert len(samples.under(outage(3.0, None))) == 3


def test_between_takes_what_began_from_its_start_and_before_its_end():
    samples = Samples([sample(1.0), sample(2.0), sample(3.0)])
    assert [one.due for one in samples.between(1, 3)] == [1.0, 2.0]


def test_between_refuses_an_end_that_is_not_after_its_start():
    with pytest.raises(UsageError, match="after the start"):
        steady(1).between(2, 2)


def test_a_name_selects_and_a_wrong_one_is_told_which_there_are():
    samples = Samples([sample(1, name="GET /slots"), sample(2, name="POST /bookings")])
    assert [one.due for one in samples.named("GET /slots")] == [1.0]
    with pytest.raises(NoSamples, match="nothing is named 'GET /slot'.*'GET /slots', 'POST /bookings'"):
        samples.named("GET /slot")


def test_a_window_has_the_strain_and_the_unsent_arrivals_of_its_time():
    strain = [Strain(float(at), 0.1, 0.001) for at in range(10)]
    samples = steady(10, strain=strain, unsent=[1.0, 5.0, 9.0, 30.0])
    parts = [getattr(samples, name)(outage(3.0, 8.0)) for name in ("before", "during", "after")]
    assert [[record.at for record in part.strain] for part in parts] == [[0, 1, 2], [3, 4, 5, 6, 7], [8, 9]]
    assert [part.unsent for part in parts] == [[1.0], [5.0], [9.0, 30.0]]


def test_the_span_of_a_window_is_its_part_of_the_run():
    samples = Samples([sample(1.0, 0.5), sample(20.0, 1.0)])
    fault = outage(3.0, 8.0)
    assert samples.span == (1.0, 21.0)
    assert samples.before(fault).span == (1.0, 3.0)
    assert samples.during(fault).span == (3.0, 8.0)
    assert samples.after(fault).span == (8.0, 21.0)
    assert samples.during(outage(3.0, None)).span == (3.0, 21.0)
    assert samples.between(5, 7).span == (5.0, 7.0)
    assert samples.between(5, float("inf")).span == (5.0, 21.0)


def test_a_fault_outside_of_the_run_leaves_windows_without_a_length():
    samples = Samples([sample(1.0), sample(2.0)])
    assert samples.during(outage(30.0, 40.0)).duration == 0.0
    assert samples.before(outage(0.2, 0.4)).duration == 0.0


def test_windows_of_windows_tell_the_whole_way():
    cut = steady(10, start=1000).before(outage(1003, 1008)).between(1001, 1002).named("GET /")
    assert cut.label == "before redis.killed, from 1.00 s to 2.00 s, of GET /"
    assert len(cut) == 100


def test_a_window_does_not_change_when_more_samples_come():
    samples = steady(1)
    cut = samples.between(0, 100)
    samples.append(sample(50.0))
    assert (len(cut), len(samples)) == (100, 101)


def test_a_fault_is_no_episode_and_the_message_says_which_to_give() -> None:
    @fault
    def broken() -> Breakage:
        yield Receipt(n=1)

    samples = Samples([sample(0, 1)])
    for cut in (samples.before, samples.during, samples.under, samples.after):
        with pytest.raises(UsageError, match=r"<Fault broken: inert>.*give the episode"):
            cut(broken())  # type: ignore[arg-type]
