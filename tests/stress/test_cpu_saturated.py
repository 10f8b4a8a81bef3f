"""Every CPU is kept busy by neighbours. The clinic gets slower, fails nobody, and is as fast as before soon after."""

from __future__ import annotations

import pytest

from pytest_resilience import SLO, Get, Hogs, Loader, Service, Sized, mix

CALM = SLO(p95=1, error_rate=0.01)
CROWDED = SLO(p95=2, error_rate=0.01)


@pytest.mark.stress
@pytest.mark.failure_mode(
    "Neighbours keep every processor busy",
    symptom="Answers are slower, none fails.",
    detection=(
        "`node_load1` above the number of processors; `node_pressure_cpu_waiting_seconds_total` grows; the clinic's"
        " own use is as usual."
    ),
    mitigation=[
        "Find the neighbour (`top`), give it a lower weight or another host.",
        "Give the clinic a guaranteed share (requests, CPUWeight).",
    ],
)
@pytest.mark.catches("sheds-for-neighbours", by="CROWDED.met_by")
def test_slots_are_served_while_every_cpu_is_busy(app: Service, hogs: Hogs, load: Loader, sized: Sized) -> None:
    slots = Get(f"{app.url}/slots", expect=200)
    health, metrics = (Get(f"{app.url}{path}", expect=200) for path in ("/health", "/metrics"))
    with load(mix((2, slots), (1, health), (1, metrics)), rate=150) as run:
        run.hold(0.7)
        with hogs.cpu() as squeeze:
            run.hold(sized(quick=2.5, standard=30, full=300))
        run.hold_until_recovered(squeeze, to=CALM)
    assert float(squeeze.receipt.counts["busy_share"]) > 0.9
    crowded = run.under(squeeze)
    assert CROWDED.met_by(crowded)
    assert crowded.statuses == {200}
    assert crowded.busy > 0.9
    assert run.recovery(squeeze, to=CALM) < 30
