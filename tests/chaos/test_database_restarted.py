"""The database restarts under bookings, as for an upgrade, and crashes. What a patient was told of a slot stays true.

Four patients or so want each slot at the same time, and four look at it: whatever they are told has to fit one order of
events, also what they are told across a restart.
"""

from __future__ import annotations

import pytest
from harness import booked

from patients import FREE, given, patients
from pytest_resilience import (
    SLO,
    Get,
    History,
    Loader,
    PostgresServer,
    Service,
    linearizable,
    mix,
    nothing_doubled,
    nothing_lost,
)

BACK = SLO(p95=0.5, error_rate=0.01)


@pytest.mark.chaos
@pytest.mark.catches("acknowledged-before-commit", "commit-not-flushed", by="nothing_lost")
@pytest.mark.failure_mode(
    "The database is restarted",
    symptom="Bookings are 503 for the length of the restart; some say `outcome: unknown`.",
    detection=(
        "The log has `AdminShutdown` or `the database system is starting up`; `breaker database: CLOSED -> OPEN` "
        "and back to CLOSED."
    ),
    mitigation=[
        "Nothing, if it was planned: what was acknowledged is there, and the breaker closes by itself.",
        "If it was not, read Postgres' log for why, and watch for the next one.",
    ],
)
def test_nothing_acknowledged_is_lost_over_a_restart(
    app: Service, postgres_server: PostgresServer, load: Loader
) -> None:
    look = Get(f"{app.url}/slots/1")
    with load(mix((3, patients(app.url)), (2, look)), rate=120) as run:
        run.hold(1)
        for _ in range(2):
            with postgres_server.restarted() as restart:
                pass
            run.hold(1.5)
        with postgres_server.restarted(graceful=False) as crash:
            pass
        run.hold_until_recovered(crash, to=BACK)
    assert run.recovery(crash, to=BACK) < 5
    assert len(run.after(restart)) > 0

    told = History.of(each for each in run.samples if each.name != look.label)
    held = booked(postgres_server)
    assert nothing_lost(given(told), held)
    assert nothing_doubled(held)
    assert len(given(told)) > 50
    assert linearizable(told, FREE)
