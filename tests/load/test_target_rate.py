"""Readers and bookers come at the target rate, after a ramp: all are served, quickly and at little cost.

The criteria of normal load: reads below 100 ms and all else below 500 ms for 95 of 100, below 1 s for 99, less than 1 %
errors and 0.1 % of the service's own, at most 70 % of a core, and memory that does not grow. Any machine with two
cores holds the full size.
"""

from __future__ import annotations

import pytest
from harness import Clinic

from pytest_resilience import SLO, Get, Loader, Meter, Post, Sized, ramp, steady

READS, BOOKINGS, RAMP = 200, 50, 1
GROWTH = 8 * 2**20  # bytes that a warm service may come to hold more: what an allocator keeps to itself


@pytest.mark.load
@pytest.mark.catches("blocking-call", by="met_by")
def test_the_target_rate_is_served_within_the_objective(clinic: Clinic, load: Loader, sized: Sized) -> None:
    seconds = sized(quick=7, standard=60, full=600)
    broken = sized(quick=0, standard=0.001, full=0.001)  # the quick size has too few requests to show 0.1 %
    # And too little time to outlast what else the machine does for half a second, which then is one in ten of all.
    # There is no calm window in it to compare with; the longer sizes judge the p95 that the criteria have.
    page = sized(
        quick=SLO(p50=0.1, p95=0.5, p99=1, error_rate=0.01, error_rate_5xx=broken),
        standard=SLO(p95=0.1, p99=1, error_rate=0.01, error_rate_5xx=broken),
        full=SLO(p95=0.1, p99=1, error_rate=0.01, error_rate_5xx=broken),
    )
    app = clinic(slots=BOOKINGS * (seconds + RAMP))
    booking = Post(f"{app.url}/bookings", json=lambda call: {"slot": call.index + 1, "patient": f"p{call.index}"})
    with (
        load(Get(f"{app.url}/slots"), rate=ramp(0, READS, over=RAMP) + steady(READS, lasting=seconds)) as reads,
        load(booking, rate=ramp(0, BOOKINGS, over=RAMP) + steady(BOOKINGS, lasting=seconds)) as bookings,
    ):
        reads.hold(RAMP + 1)
        with Meter(app.usage) as usage:
            reads.hold(seconds - 1)
        reads.finish()
        bookings.finish()
    assert page.met_by(reads.samples)
    assert SLO(p95=0.5, p99=1, error_rate=sized(quick=0, standard=0.01, full=0.01)).met_by(bookings.samples)
    assert bookings.samples.statuses == {201}
    first, last = usage.readings[0], usage.readings[-1]
    assert usage.cpu(first.at, last.at) < 0.7
    assert last.memory < first.memory + GROWTH
