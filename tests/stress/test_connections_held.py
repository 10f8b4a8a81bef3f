"""A thousand clients connect, say nothing and stay. Those who have something to say are served all the same."""

from __future__ import annotations

import pytest

from pytest_resilience import SLO, Get, Hogs, Loader, Service, Sized, mix, wait_until

SERVED = SLO(p95=1, error_rate=0.01)
SILENT = 1000
PAGES = ("slots", "health", "metrics")


@pytest.fixture(params=["app", "redis_server"])
def crowded(request: pytest.FixtureRequest) -> Service:
    """Where the crowd goes."""
    place: Service = request.getfixturevalue(request.param)
    return place


@pytest.mark.stress
@pytest.mark.failure_mode(
    "A crowd of clients is silent",
    symptom="None.",
    detection="`process_open_fds` rises by the crowd, `rate(clinic_requests_total)` does not.",
    mitigation=[
        "Limit connections per address and close idle ones at the balancer.",
        "Watch `process_open_fds` against its limit.",
    ],
)
@pytest.mark.catches("few-descriptors", by="SERVED.met_by", case="app")
def test_a_thousand_silent_clients_cost_nobody_the_service(
    app: Service, crowded: Service, hogs: Hogs, load: Loader, sized: Sized
) -> None:
    fresh = {"Connection": "close"}  # each comes in by the door at which the crowd stands
    slots, health, metrics = (Get(f"{app.url}/{page}", expect=200, headers=fresh) for page in PAGES)
    with load(mix((2, slots), (1, health), (1, metrics)), rate=150) as run:
        run.hold(0.7)
        with hogs.connections(crowded, n=SILENT) as crowd:
            run.hold(sized(quick=2.5, standard=30, full=300))
        run.hold_until_recovered(crowd, to=SERVED)
    assert crowd.receipt.counts["established"] == SILENT
    served = run.under(crowd)
    assert SERVED.met_by(served)
    assert served.statuses == {200}
    assert run.recovery(crowd, to=SERVED) < 30


@pytest.mark.stress
@pytest.mark.failure_mode(
    "A crowd of clients has gone",
    symptom="None.",
    detection="`process_open_fds` is back where it was before the crowd; if it is not, descriptors leak.",
    mitigation=[
        "If it stays high, restart the instance at a quiet hour, and keep what lsof says of it.",
    ],
)
@pytest.mark.catches("half-closed-kept", by="closes what the crowd left")
def test_the_clinic_gives_back_what_a_crowd_has_taken_when_it_is_gone(app: Service, hogs: Hogs) -> None:
    calm = app.usage().descriptors
    if calm is None:
        pytest.skip("how many descriptors a process in a container has cannot be seen from here")

    def descriptors() -> int:
        return app.usage().descriptors or 0

    with hogs.connections(app, n=SILENT):
        wait_until(lambda: descriptors() > calm + SILENT // 2, within=30, what="the crowd is let in")
    wait_until(lambda: descriptors() < calm + SILENT // 10, within=30, what="the clinic closes what the crowd left")
