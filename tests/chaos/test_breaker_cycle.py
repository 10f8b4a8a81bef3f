"""The breaker of the database goes through its whole cycle: CLOSED, OPEN, HALF_OPEN, CLOSED, and each shows."""

from __future__ import annotations

import httpx
import pytest

from pytest_resilience import Link, Loader, Post, Service


@pytest.mark.chaos
@pytest.mark.catches("breaker-never-opens", by='opened["state"]')
@pytest.mark.catches("breaker-never-half-opens", by='closed["state"]')
@pytest.mark.catches("health-asks-the-database", "metrics-ask-the-database", by="served")
@pytest.mark.failure_mode(
    "The breaker of the database is open",
    symptom=(
        "Everything that needs the database is a 503 within milliseconds, `reason: breaker open`; `/health` stays 200."
    ),
    detection=(
        '`clinic_breaker_state{breaker="database",state="OPEN"} == 1`; the log has `breaker database: CLOSED -> '
        "OPEN` and why; `/breaker` has the history."
    ),
    mitigation=[
        (
            "Do not restart the instances: the breaker is what keeps them alive, and a restart only closes it "
            "to fail again."
        ),
        ("Look for what is wrong with the database or the road to it; the log line before the first `OPEN` names it."),
        (
            "When the database answers, the breaker closes by itself with its next probe, within "
            "`BREAKER_COOLDOWN` (1 s)."
        ),
    ],
)
@pytest.mark.asyncio
async def test_the_breaker_opens_probes_and_closes(app_over_link: Service, database_link: Link, load: Loader) -> None:
    bookings = Post(
        f"{app_over_link.url}/bookings", json=lambda call: {"slot": call.index + 1, "patient": f"p{call.index}"}
    )
    async with httpx.AsyncClient(base_url=app_over_link.url) as client, load(bookings, rate=50) as run:
        await run.ahold(1)
        async with database_link.severed() as outage:
            await run.ahold(3)
            opened = (await client.get("/breaker")).json()
            served = {path: (await client.get(path)).status_code for path in ("/health", "/metrics")}
        await run.ahold(2.5)
        closed = (await client.get("/breaker")).json()
    assert served == {"/health": 200, "/metrics": 200}  # alive, whatever its dependencies are
    assert opened["state"] in {"OPEN", "HALF_OPEN"}
    assert closed["state"] == "CLOSED"
    went = [change["to"] for change in closed["history"]]
    assert went[:2] == ["OPEN", "HALF_OPEN"]
    assert went[-2:] == ["HALF_OPEN", "CLOSED"]
    assert "OPEN" in went[2:-2]  # it probed during the outage, and opened again
    # Open, it answers at once. Half of them show it: where two processors run the service, its servers and the driver,
    # what else goes on reaches one in twenty, so that a p95 would judge the machine.
    assert run.under(outage).quantile(0.5) < 0.05
