"""The database crashes under bookings: a clear refusal meanwhile, and bookings again soon after it is back."""

from __future__ import annotations

import pytest

from pytest_resilience import SLO, Loader, Post, PostgresServer, Service

BOOKING = SLO(p95=0.5, error_rate=0.01)


@pytest.mark.chaos
@pytest.mark.catches("500-for-503", by="refused.statuses")
@pytest.mark.catches("stale-pool", by="recovery")
@pytest.mark.failure_mode(
    "The database is down",
    symptom=(
        "Bookings and uncached pages are 503 with `dependency: database`, within milliseconds once the breaker is "
        "open; cached pages are served for `CACHE_TTL`."
    ),
    detection=(
        '`/ready` is 503 with `database: refused`; `clinic_breaker_state{breaker="database",state="OPEN"}`; the log'
        " has `connect: ... Connection refused`."
    ),
    mitigation=[
        (
            "Start the database, or fail over if it does not come up; its log says why it ended (`was "
            "terminated by signal 9` is the OOM killer)."
        ),
        ("Instances come back by themselves within `BREAKER_COOLDOWN` (1 s) of its first answer: do not restart them."),
        "Jobs are kept: workers hold their results until they can be recorded.",
    ],
)
def test_bookings_are_refused_clearly_while_the_database_is_down(
    app: Service, postgres_server: PostgresServer, load: Loader
) -> None:
    bookings = Post(f"{app.url}/bookings", json=lambda call: {"slot": call.index + 1, "patient": f"p{call.index}"})
    with load(bookings, rate=100) as run:
        run.hold(1)
        with postgres_server.killed() as outage:
            run.hold(2.5)
        run.hold(3)
    assert run.before(outage).statuses == {201}
    refused = run.under(outage)
    assert refused.statuses == {503}
    assert refused.p95 < 1
    assert run.recovery(outage, to=BOOKING) < 5
