"""Instances crash, two of three at once or one again and again. Who is left carries on; who crashed is back in time."""

from __future__ import annotations

import httpx
import pytest
from harness import Clinic

from pytest_resilience import SLO, Get, Loader, Post, together, wait_until

BROWSING = SLO(p95=0.5, error_rate=0.05)


@pytest.mark.chaos
@pytest.mark.catches("migration-locks", by="served.samples.statuses")
@pytest.mark.failure_mode(
    "Several instances crash at once",
    symptom="Requests to those are refused at once; the ones that are left serve, with more load each.",
    detection="`count(up == 0) > 1` of the clinic's instances; `clinic_in_flight` of the others rises.",
    mitigation=[
        "Look for what they have in common: the host, the deployment, the request that they were all given.",
        "Roll back a deployment that is going on.",
        "Watch `clinic_turned_away_total` of those that are left, and add instances before it grows.",
    ],
)
def test_one_instance_of_three_carries_on(clinic: Clinic, load: Loader) -> None:
    one, two, three = (clinic(name=name) for name in ("one", "two", "three"))
    with load(Get(f"{one.url}/slots"), rate=40) as served, load(Get(f"{two.url}/slots"), rate=40) as lost:
        served.hold(1)
        with together(two.killed(), three.killed()) as crash:
            served.hold(1.5)
        served.hold(2.5)
    assert served.samples.statuses == {200}
    assert served.during(crash).quantile(0.5) < 0.25
    assert lost.under(crash).error_rate == 1  # refused, and at once
    assert lost.under(crash).quantile(0.5) < 0.1
    assert lost.recovery(crash, to=BROWSING) < 30
    assert httpx.get(f"{three.url}/ready", timeout=20).status_code == 200


@pytest.mark.chaos
@pytest.mark.catches("migration-locks", by="run.samples.statuses")
@pytest.mark.failure_mode(
    "An instance keeps crashing",
    symptom="None, as long as the balancer leaves it out.",
    detection=(
        "Its restarts grow (`kube_pod_container_status_restarts_total`, CrashLoopBackOff); connections to the "
        "database come and go with it."
    ),
    mitigation=[
        "Take it out of the balancer and stop its restarts, so that its log stays.",
        ("Its last lines before each end say why; a setting that cannot be read ends it with the name of the setting."),
    ],
)
@pytest.mark.catches("ready-too-early", by=("booked.status_code", "run.samples.statuses"))
def test_an_instance_that_keeps_crashing_harms_no_other(clinic: Clinic, load: Loader) -> None:
    # The one that serves is patient: what is judged is the other's crashes, and not what starting it costs the machine.
    one, two = clinic(name="one", db_connect_timeout=2, pool_timeout=2, request_deadline=4), clinic(name="two")
    bookings = Post(f"{one.url}/bookings", json=lambda call: {"slot": call.index + 1, "patient": f"p{call.index}"})
    with load(bookings, rate=40) as run:
        with two.crash_looping() as loop:
            wait_until(lambda: loop.receipt.counts["crashes"] >= 3, within=30, what="it has crashed three times")
        booked = httpx.post(f"{two.url}/bookings", json={"slot": 900, "patient": "late"}, timeout=20)
        run.hold(1)
    assert run.samples.statuses == {201}
    assert run.during(loop).quantile(0.5) < 0.25
    assert booked.status_code == 201  # at once: it is ready when the loop is healed
