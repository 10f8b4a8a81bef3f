"""The disk fills up under uploads. They are refused in so many words, all else goes on, and no broken file is left."""

from __future__ import annotations

import hashlib

import pytest
from harness import Clinic

from pytest_resilience import SLO, Call, Get, Loader, Post, mix

MIB = 2**20
PAGE, SIZE = 4 * 1024, 24 * 1024  # so small an upload is written at once, and the last write is given half of its room
ROOM = 150 * SIZE + SIZE // 2  # of 60 uploads a second
LATE = 240  # requests of 80 a second; by then the disk is full, but for half an upload, and the rest is filled in pages
SERVED = SLO(p95=0.5)


def letter(call: Call) -> bytes:
    return call.index.to_bytes(8, "big") * ((SIZE if call.index < LATE else PAGE) // 8)


@pytest.mark.chaos
@pytest.mark.failure_mode(
    "The disk of the uploads is full",
    symptom="`POST /ingest` is 507 `storage_full`; all else is served.",
    detection=(
        '`clinic_requests_total{route="/ingest",status="507"}`; `node_filesystem_avail_bytes` of INGEST_SPOOL is '
        "near 0."
    ),
    mitigation=[
        ("Make room: move uploads that were fetched away, enlarge the volume. Uploads are accepted again at once."),
        "No cleaning up is needed: what was refused left no part of a file.",
        "Alert at 80 % next time.",
    ],
)
@pytest.mark.catches("full-disk-swallowed", by="uploads.statuses")
@pytest.mark.catches("short-write-ignored", by="hexdigest")
def test_a_full_disk_refuses_uploads_and_breaks_nothing(clinic: Clinic, load: Loader) -> None:
    app = clinic(disk=64 * MIB, ingest_spool="{disk}")
    upload = Post(f"{app.url}/ingest", body=letter, keep=lambda answer: answer.json()["sha256"])
    with load(mix((3, upload), (1, Get(f"{app.url}/slots"))), rate=80) as run:
        run.hold(1)
        with app.capped(disk=ROOM) as full:
            run.hold(3)
        run.hold(1.5)
    uploads, pages = run.samples.named("POST /ingest"), run.samples.named("GET /slots")
    assert full.receipt.counts["bytes_free_at_least"] == 0
    assert uploads.statuses == {200, 507}
    assert uploads.after(full).statuses == {200}
    assert pages.statuses == {200}
    assert SERVED.met_by(pages)

    kept = {path.name: path for path in app.disk.iterdir()}
    assert {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in kept.items()} == {n: n for n in kept}
    assert set(uploads.returned) == set(kept)
