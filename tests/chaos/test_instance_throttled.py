"""An instance gets a fraction of a processor. It is late or turns away, gives no wrong answer, and catches up after."""

from __future__ import annotations

import pytest
from harness import Clinic

from pytest_resilience import SLO, Get, Loader

SERVED = SLO(p95=0.5, error_rate=0.01)


@pytest.mark.chaos
@pytest.mark.catches("500-for-503", by="run.samples.statuses")
@pytest.mark.failure_mode(
    "An instance has too little processor",
    symptom="Answers are late or 503 `overloaded`; none is wrong.",
    detection=(
        "`container_cpu_cfs_throttled_periods_total` grows; `clinic_in_flight` is at MAX_IN_FLIGHT and "
        "`clinic_turned_away_total` grows on one instance only."
    ),
    mitigation=[
        "Raise the limit or take the instance out of the balancer; look for a noisy neighbour on its host.",
        "It catches up by itself when it has its processor back.",
    ],
)
def test_a_throttled_instance_is_late_and_recovers(clinic: Clinic, load: Loader) -> None:
    app = clinic(max_in_flight=20)
    with load(Get(f"{app.url}/slots"), rate=100, deadline=5) as run:
        run.hold(1)
        with app.throttled(cpu=0.03) as throttle:
            run.hold(2)
        run.hold_until_recovered(throttle, to=SERVED)
    assert throttle.receipt.bit
    assert run.samples.statuses <= {200, 503}
    assert run.during(throttle).p95 > 0.1  # it waits for its next turn, if for nothing else
    assert run.recovery(throttle, to=SERVED) < 5
