"""Neighbours keep the disk's device busy with flushed writes. Bookings take longer to commit, and are committed.

The servers of tests do not flush what they commit, so nobody would wait for the device: here Postgres does.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import Clinic

from pytest_resilience import SLO, Get, Hogs, Loader, Post, PostgresServer, Sized, mix, wait_until

CALM = SLO(p95=1, error_rate=0.01)
CROWDED = SLO(p95=3, error_rate=0.05)
RATE = 80


@pytest.fixture
def flushed(postgres_server: PostgresServer) -> None:
    """Have Postgres flush every commit to the device."""
    for sql in ("ALTER SYSTEM SET fsync = on", "SELECT pg_reload_conf()"):
        postgres_server.query(sql)
    wait_until(lambda: postgres_server.query("SHOW fsync") == [("on",)], within=10, what="Postgres flushes")


@pytest.mark.stress
@pytest.mark.usefixtures("flushed")
@pytest.mark.failure_mode(
    "The disk's device is busy",
    symptom="Bookings take longer; all are committed.",
    detection=(
        "`node_disk_io_time_seconds_total` near 1 per second; pg_stat_activity waits for `WALSync`; pages are as "
        "quick as ever."
    ),
    mitigation=[
        "Find who writes (`iotop`), and slow it down (`ionice`, io.max).",
        "Put the WAL on a device of its own.",
    ],
)
@pytest.mark.catches("timeouts-too-tight", by="CROWDED.met_by")
def test_bookings_are_committed_while_the_device_is_busy(
    clinic: Clinic, hogs: Hogs, load: Loader, sized: Sized, tmp_path: Path
) -> None:
    seconds = sized(quick=2.5, standard=30, full=300)
    app = clinic(slots=round(RATE * (seconds + 30)))
    booking = Post(f"{app.url}/bookings", json=lambda call: {"slot": call.index + 1, "patient": f"p{call.index}"})
    health, metrics = (Get(f"{app.url}{path}", expect=200) for path in ("/health", "/metrics"))
    with load(mix((2, booking), (1, health), (1, metrics)), rate=RATE) as run:
        run.hold(0.7)
        with hogs.io(workers=1, path=tmp_path) as squeeze:
            run.hold(seconds)
        run.hold_until_recovered(squeeze, to=CALM)
    assert int(squeeze.receipt.counts["flushes"]) > 10
    crowded = run.under(squeeze)
    assert CROWDED.met_by(crowded)
    assert crowded.statuses <= {200, 201, 503}  # what cannot be committed in time is refused, and clearly
    assert run.recovery(squeeze, to=CALM) < 30
