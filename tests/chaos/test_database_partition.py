"""The network to the database swallows every packet. Nobody is left hanging: refusals are clear, and soon at once."""

from __future__ import annotations

import pytest
from harness import booked

from pytest_resilience import SLO, Link, Loader, Post, PostgresServer, Service, nothing_doubled, nothing_lost

BACK = SLO(p95=0.5, error_rate=0.01)


@pytest.mark.chaos
@pytest.mark.catches("breaker-never-opens", "retry-without-limit", by="quantile")
@pytest.mark.failure_mode(
    "The database cannot be reached",
    symptom="The first bookings wait up to `REQUEST_DEADLINE` (0.9 s), then all are 503 within milliseconds.",
    detection=(
        "`/ready` is 503 with `database: timeout` (packets are swallowed) or `refused`; "
        '`clinic_breaker_state{breaker="database",state="OPEN"}`; the database\'s own health is green.'
    ),
    mitigation=[
        (
            "Ask the network before the database: routes, firewalls and security groups between the two, and "
            "what was changed last."
        ),
        "Let the breaker be; when the road is back it closes with the next probe.",
    ],
)
@pytest.mark.parametrize("silently", [True, False], ids=["silently", "refusing"])
def test_bookings_fail_fast_across_a_partition(
    app_over_link: Service, database_link: Link, postgres_server: PostgresServer, load: Loader, silently: bool
) -> None:
    bookings = Post(
        f"{app_over_link.url}/bookings",
        json=lambda call: {"slot": call.index + 1, "patient": f"p{call.index}"},
        keep=lambda answer: answer.json()["slot"],
    )
    with load(bookings, rate=100) as run:
        run.hold(1)
        with database_link.severed(silently=silently) as partition:
            run.hold(3)
        run.hold_until_recovered(partition, to=BACK)
    assert run.before(partition).statuses == {201}
    cut_off = run.under(partition)
    assert cut_off.statuses == {503}
    assert cut_off.quantile(0.5) < 0.1  # the breaker answers for the database
    assert max(cut_off.latencies) < 2
    assert run.recovery(partition, to=BACK) < 5
    held = booked(postgres_server)
    assert nothing_lost(run.samples.returned, held)
    assert nothing_doubled(held)
