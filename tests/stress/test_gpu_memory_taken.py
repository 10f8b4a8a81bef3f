"""A neighbour fills the memory of the GPU. Whoever works without it does not notice."""

from __future__ import annotations

import pytest

from pytest_resilience import SLO, Get, Hogs, Loader, Service, Sized


@pytest.mark.stress
@pytest.mark.catches("blocking-call", by="met_by")
@pytest.mark.failure_mode(
    "The memory of the GPU is taken",
    symptom="None: the clinic does not use it.",
    detection="`DCGM_FI_DEV_FB_USED` near its total; `nvidia-smi` names who has it.",
    mitigation=[
        "Nothing for the clinic. End the process that nvidia-smi names if others need the memory.",
    ],
)
def test_slots_are_served_while_gpu_memory_is_taken(app: Service, hogs: Hogs, load: Loader, sized: Sized) -> None:
    with load(Get(f"{app.url}/slots", expect=200), rate=150) as run:
        run.hold(0.7)
        with hogs.vram(share=sized(quick=0.5, standard=0.9, full=0.95)) as squeeze:
            run.hold(3)
        run.hold(1)
    assert SLO(p95=0.5, error_rate=0.01).met_by(run.under(squeeze))
