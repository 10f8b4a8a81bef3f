"""The road to the database is cut for a blink, again and again. Readers whose attempt met it are retried unawares."""

from __future__ import annotations

import pytest
from harness import Clinic, counted

from pytest_resilience import Get, Link, Loader

BLINK = 0.06  # seconds; the clinic's patience is several times that


@pytest.mark.chaos
@pytest.mark.catches("no-retry", by="run.examples")
@pytest.mark.failure_mode(
    "The road to the database blinks",
    symptom="Reads are late by some tens of milliseconds, none fails.",
    detection=(
        "`rate(clinic_retries_total)` above its usual nothing; the log has `connect: ... Connection refused` in bursts."
    ),
    mitigation=[
        "One burst needs nothing: retries bridge it.",
        (
            "If it comes again and again, look at the network (interface flaps, a proxy that reloads) before "
            "the retries hide an outage that grows."
        ),
    ],
)
def test_retries_bridge_a_blink(clinic: Clinic, database_link: Link, load: Loader) -> None:
    # The breaker is set to keep out of it: what is shown is that the retries alone suffice.
    app = clinic(database=database_link, retry_attempts=8, retry_base=0.05, breaker_failures=1000, breaker_ratio=2)
    with load(Get(f"{app.url}/slots/7"), rate=200) as run:
        run.hold(0.5)
        for _ in range(5):
            with database_link.severed():
                run.hold(BLINK)
            run.hold(0.5)
    assert not run.examples
    assert run.samples.statuses == {200}
    assert sum(counted(app, "clinic_retries_total").values()) > 5  # that many attempts failed
