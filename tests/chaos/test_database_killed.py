"""The database crashes under bookings: a clear refusal meanwhile, and bookings again soon after it is back."""

from __future__ import annotations

import pytest

from pytest_resilience import SLO, Loader, Post, PostgresServer, Service

BOOKING = SLO(p95=0.25, error_rate=0.01)


@pytest.mark.chaos
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
