"""Everything runs short at once: processors, memory, disk and its device, and a crowd that says nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_resilience import SLO, Get, Hogs, Loader, Service, Sized, mix, together

CALM = SLO(p95=1, error_rate=0.01)
CROWDED = SLO(p95=2, error_rate=0.2)
MIB = 1024**2


@pytest.mark.stress
@pytest.mark.failure_mode(
    "Everything runs short at once",
    symptom="Answers are late, some are 503; none is wrong and none hangs.",
    detection="`node_pressure_*` of processor, memory and io all grow on one host.",
    mitigation=[
        "Move the clinic off that host first; look for the cause when it is served elsewhere.",
        "One at a time: memory before disk before processor.",
    ],
)
@pytest.mark.catches("sheds-for-neighbours", by="CROWDED.met_by")
def test_the_clinic_degrades_clearly_under_everything_at_once(
    app: Service, hogs: Hogs, load: Loader, sized: Sized, tmp_path: Path
) -> None:
    taken = sized(quick=64 * MIB, standard=512 * MIB, full=1024 * MIB)
    everything = together(
        hogs.connections(app, n=sized(quick=300, standard=1000, full=1000)),
        hogs.memory(bytes=taken),
        hogs.disk(bytes=taken, path=tmp_path),
        hogs.io(workers=1, path=tmp_path),
        hogs.cpu(),
    )
    slots = Get(f"{app.url}/slots")
    health, metrics = (Get(f"{app.url}{path}", expect=200) for path in ("/health", "/metrics"))
    with load(mix((2, slots), (1, health), (1, metrics)), rate=150) as run:
        run.hold(0.7)
        with everything as squeeze:
            run.hold(sized(quick=2.5, standard=30, full=300))
        run.hold_until_recovered(squeeze, to=CALM)
    assert squeeze.receipt.counts["faults"] == 5
    crowded = run.under(squeeze)
    assert CROWDED.met_by(crowded)
    assert crowded.statuses <= {200, 503}  # served, or refused clearly
    looks = [crowded.named(f"GET /{name}") for name in ("health", "metrics")]
    assert [one.statuses for one in looks] == [{200}, {200}]
    assert run.recovery(squeeze, to=CALM) < 30
