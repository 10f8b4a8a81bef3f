"""A one-way partition: what is lost on the way there never happened; what is lost on the way back may have."""

from __future__ import annotations

from typing import Literal

import httpx
import pytest

from pytest_resilience import SLO, Link, Loader, Post, PostgresServer, Service


@pytest.mark.chaos
@pytest.mark.catches("outcome-not-told", by="assert unknown")
@pytest.mark.failure_mode(
    "The network to the database works in one direction",
    symptom="Bookings are 503; some say `outcome: unknown`, and those may have been made.",
    detection=(
        "`reason: timeout` in the answers and `time is up` in the log, with the database itself idle and well; "
        "packets are seen at one end and not at the other."
    ),
    mitigation=[
        "Look for asymmetric routes, a stateful firewall that lost its table, or a broken network card.",
        (
            "Whoever got `unknown` repeats with the same Idempotency-Key: it answers 200 with the booking that "
            "was made, or makes it."
        ),
    ],
)
@pytest.mark.parametrize("direction", ["upstream", "downstream"])
def test_a_refusal_says_whether_the_booking_may_have_been_made(
    app_over_link: Service,
    database_link: Link,
    postgres_server: PostgresServer,
    load: Loader,
    direction: Literal["upstream", "downstream"],
) -> None:
    url = f"{app_over_link.url}/bookings"
    bookings = Post(
        url,
        json=lambda call: {"slot": call.index + 1, "patient": f"p{call.index}"},
        headers=lambda call: {"Idempotency-Key": f"key {call.index}"},
        expect={200, 201, 503},
        keep=lambda answer: (answer.status, answer.json()),
    )
    with load(bookings, rate=60) as run:
        run.hold(2)
        with database_link.severed(silently=True, direction=direction) as partition:
            run.hold(2.5)
        run.hold(3.5)
    cut_off = run.under(partition)
    assert cut_off.statuses == {503}
    assert max(cut_off.latencies) < 2
    assert cut_off.quantile(0.5) < 0.1  # the breaker answers for the database
    settled = run.samples.between(partition.healing + 2, run.samples.span[1])
    assert settled.statuses == {201}
    assert SLO(p95=0.5).met_by(settled)

    told = [(status, body) for status, body in run.samples.returned]
    made = {body["slot"] for status, body in told if status != 503}
    unknown = [body for status, body in told if status == 503 and body["outcome"] == "unknown"]
    held = {int(slot or 0) for (slot,) in postgres_server.query("SELECT slot FROM bookings")}
    assert unknown
    assert made <= held
    lost = held - made  # booked, and the patient was not told
    assert len(lost) <= len(unknown)
    assert bool(lost) == (direction == "downstream")
    for slot in lost:  # who asks again with the same key learns of it, and gets no second one
        wanted = {"slot": slot, "patient": f"p{slot - 1}"}
        answer = httpx.post(url, json=wanted, headers={"Idempotency-Key": f"key {slot - 1}"})
        assert (answer.status_code, answer.json()["slot"]) == (200, slot)
