"""The database's answers break off in the middle, again and again. Bookings are repeated, and made once."""

from __future__ import annotations

import pytest

from pytest_resilience import SLO, Link, Loader, Post, PostgresServer, Service

# Of each connection: it is opened with some 500 bytes, a booking's answer has some 100.
PASSING = 4000
BACK = SLO(p95=0.5, error_rate=0.01)


@pytest.mark.chaos
@pytest.mark.catches("idempotency-key-ignored", by=("met_by", "again"))
@pytest.mark.failure_mode(
    "Answers of the database break off",
    symptom="Bookings with an Idempotency-Key are a little late; those without may be a 503 with `outcome: unknown`.",
    detection=(
        'The log has `OperationalError` or `lost`; `clinic_pool_total{event="discarded"}` and '
        "`clinic_retries_total` grow while the breaker stays closed."
    ),
    mitigation=[
        (
            "Look at what sits between clinic and database: proxies, balancers and firewalls that cut "
            "connections by age or by bytes."
        ),
        "Whoever got `outcome: unknown` repeats with the same Idempotency-Key and learns what came of it.",
    ],
)
def test_what_was_cut_off_is_asked_again_and_booked_once(
    app_over_link: Service, database_link: Link, postgres_server: PostgresServer, load: Loader
) -> None:
    bookings = Post(
        f"{app_over_link.url}/bookings",
        json=lambda call: {"slot": call.index + 1, "patient": f"p{call.index}"},
        headers=lambda call: {"Idempotency-Key": f"key {call.index}"},
        expect={200, 201},
        keep=lambda answer: (answer.status, answer.json()["slot"]),
    )
    with load(bookings, rate=100) as run:
        run.hold(2)
        with database_link.reset(direction="downstream", after_bytes=PASSING) as breaks:
            run.hold(4)
        run.hold_until_recovered(breaks, to=BACK)
    assert run.before(breaks).statuses == {201}
    assert breaks.receipt.counts["connections_reset"] >= 4
    assert SLO(p95=0.5, error_rate=0.02).met_by(run.under(breaks))
    again = [slot for status, slot in run.during(breaks).returned if status == 200]
    assert again  # these had been booked when their answer was lost, and the repetition found them booked
    held = [int(slot or 0) for (slot,) in postgres_server.query("SELECT slot FROM bookings")]
    assert len(held) == len(set(held))
    assert {slot for _, slot in run.samples.returned} <= set(held)
    assert run.recovery(breaks, to=BACK) < 3
