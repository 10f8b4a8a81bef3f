"""Readers and bookers come at the target rate, after a ramp: all are served, quickly."""

from __future__ import annotations

import pytest
from harness import Clinic

from pytest_resilience import SLO, Get, Loader, Post, Sized, ramp, steady

TARGET = SLO(p95=0.25, p99=0.5, error_rate=0.01)
READS, BOOKINGS, RAMP = 200, 50, 1


@pytest.mark.load
def test_the_target_rate_is_served_within_the_objective(clinic: Clinic, load: Loader, sized: Sized) -> None:
    seconds = sized(quick=7, standard=60, full=600)
    app = clinic(slots=BOOKINGS * (seconds + RAMP))
    booking = Post(f"{app.url}/bookings", json=lambda call: {"slot": call.index + 1, "patient": f"p{call.index}"})
    with (
        load(Get(f"{app.url}/slots"), rate=ramp(0, READS, over=RAMP) + steady(READS, lasting=seconds)) as reads,
        load(booking, rate=steady(BOOKINGS, lasting=seconds)) as bookings,
    ):
        reads.finish()
        bookings.finish()
    assert TARGET.met_by(reads.samples)
    assert TARGET.met_by(bookings.samples)
    assert bookings.samples.statuses == {201}
    assert app.usage().cpu_seconds < 0.7 * (seconds + RAMP)
