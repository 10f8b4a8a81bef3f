"""The database restarts under bookings, as for an upgrade. What a patient was told is booked is booked, once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from pytest_resilience import SLO, Call, Loader, PostgresServer, Service, nothing_doubled, nothing_lost, user


@pytest.mark.chaos
def test_nothing_acknowledged_is_lost_over_a_restart(
    app: Service, postgres_server: PostgresServer, load: Loader
) -> None:
    url = app.url

    @user
    async def patients() -> AsyncIterator[Callable[[Call], Awaitable[str]]]:
        import httpx

        async with httpx.AsyncClient(base_url=url, timeout=5) as client:

            async def book(call: Call) -> str:
                booking = {"slot": call.index + 1, "patient": f"patient {call.index}"}
                answer = await client.post("/bookings", json=booking)
                answer.raise_for_status()
                return str(call.index + 1)

            yield book

    with load(patients, rate=50) as run:
        run.hold(1)
        for _ in range(2):
            with postgres_server.restarted() as restart:
                pass
            run.hold(1.5)
        with postgres_server.restarted(graceful=False) as crash:
            pass
        run.hold(3)
    assert run.recovery(crash, to=SLO(p95=0.25, error_rate=0.01)) < 5
    assert len(run.after(restart)) > 0

    held = [slot for (slot,) in postgres_server.query("SELECT slot FROM bookings")]
    assert nothing_lost(run.samples.returned, held)
    assert nothing_doubled(held)
    assert len(run.samples.returned) > 100
