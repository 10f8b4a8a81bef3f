"""The disk that Postgres writes to fills up, down to the host's reserve. Bookings are committed to the last."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import Clinic

from pytest_resilience import SLO, Get, Hogs, Loader, Post, Sized, mix

SERVED = SLO(p95=1, error_rate=0.01)
RATE = 150


@pytest.mark.stress
@pytest.mark.failure_mode(
    "The disk of the database fills up",
    symptom="None until it is full; then the database stops.",
    detection="`node_filesystem_avail_bytes` of the data directory falls; predict_linear says when it ends.",
    mitigation=[
        ("Make room before it is full: old logs, replication slots that nobody reads (pg_replication_slots), pg_wal."),
        "Never delete files of pg_wal by hand.",
    ],
)
@pytest.mark.catches("sheds-for-neighbours", by="SERVED.met_by")
def test_bookings_are_taken_while_the_disk_fills(
    clinic: Clinic, hogs: Hogs, load: Loader, sized: Sized, tmp_path: Path
) -> None:
    shortage = sized(
        quick=hogs.disk(bytes=256 * 1024**2, path=tmp_path),
        standard=hogs.disk(share=0.9, path=tmp_path),
        full=hogs.disk(share=0.95, path=tmp_path),
    )
    seconds = sized(quick=2.5, standard=10, full=60)
    app = clinic(slots=round(RATE * (seconds + 60)))
    booking = Post(f"{app.url}/bookings", json=lambda call: {"slot": call.index + 1, "patient": f"p{call.index}"})
    health, metrics = (Get(f"{app.url}{path}", expect=200) for path in ("/health", "/metrics"))
    with load(mix((2, booking), (1, health), (1, metrics)), rate=RATE) as run:
        run.hold(0.7)
        with shortage as squeeze:
            run.hold(seconds)
        run.hold_until_recovered(squeeze, to=SERVED)
    served = run.under(squeeze)
    assert SERVED.met_by(served)
    assert served.statuses == {200, 201}
    assert run.recovery(squeeze, to=SERVED) < 30
