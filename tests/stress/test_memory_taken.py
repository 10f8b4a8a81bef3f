"""Memory of the host runs short. What the clinic holds it keeps: it answers as before, and nothing of it is killed."""

from __future__ import annotations

import pytest

from pytest_resilience import SLO, Get, Hogs, Loader, Service, Sized, mix

SERVED = SLO(p95=1, error_rate=0.01)


@pytest.mark.stress
@pytest.mark.failure_mode(
    "The host runs short of memory",
    symptom="None, until the kernel kills.",
    detection=(
        "`node_memory_MemAvailable_bytes` falls; `node_pressure_memory_waiting_seconds_total` grows; swap is in use."
    ),
    mitigation=[
        "Find who grows (`ps --sort -rss`) and restart it before the kernel chooses.",
        "Give the clinic and the database a lower oom_score_adj, and a reservation.",
    ],
)
@pytest.mark.catches("sheds-for-neighbours", by="SERVED.met_by")
def test_slots_are_served_while_memory_is_taken(app: Service, hogs: Hogs, load: Loader, sized: Sized) -> None:
    shortage = sized(
        quick=hogs.memory(bytes=256 * 1024**2), standard=hogs.memory(share=0.9), full=hogs.memory(share=0.95)
    )
    slots = Get(f"{app.url}/slots", expect=200)
    health, metrics = (Get(f"{app.url}{path}", expect=200) for path in ("/health", "/metrics"))
    with load(mix((2, slots), (1, health), (1, metrics)), rate=150) as run:
        run.hold(0.7)
        before = app.usage()
        with shortage as squeeze:
            run.hold(sized(quick=2.5, standard=30, full=300))
        run.hold_until_recovered(squeeze, to=SERVED)
        after = app.usage()
    served = run.under(squeeze)
    assert SERVED.met_by(served)
    assert served.statuses == {200}
    assert run.recovery(squeeze, to=SERVED) < 30
    assert after.cpu_seconds > before.cpu_seconds  # the same process: nobody has killed it
