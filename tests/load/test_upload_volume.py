"""Much is uploaded. What arrives has the checksum of what was sent, and nobody holds more than a part of it.

One upload in eight is altered on the way, so that a service that takes anything is found out. The full size is 1 TB; at
440 MB/s, with which one core of the clinic keeps up, it lasts 42 minutes. Nothing of it is on a disk.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections import Counter
from collections.abc import Iterator

import httpx
import pytest
from harness import Clinic, burden

from pytest_resilience import Loader, Meter, Post, Sized

PIECE, KINDS, ALTERED = 2**20, 3, 7  # of eight uploads in a row, the last is altered
HELD = 24 * 2**20  # bytes that service and driver each may come to hold more, whatever the size of an upload


def pieces(number: int, size: int) -> Iterator[bytes]:
    """Yield upload `number` in pieces, each of them different."""
    block = random.Random(number % KINDS).randbytes(PIECE - 8)
    for place in range(size // PIECE):
        wrong = number % 8 == ALTERED and place == size // PIECE - 1
        yield (place + wrong).to_bytes(8, "big") + block


def checksum(number: int, size: int) -> str:
    digest = hashlib.sha256()
    for piece in pieces(number, size):
        digest.update(piece)
    return digest.hexdigest()


@pytest.mark.load
@pytest.mark.catches("checksum-ignored", by="status == 200")
@pytest.mark.catches("upload-in-memory", by="service.readings")
def test_a_volume_arrives_as_it_was_sent_in_flat_memory(clinic: Clinic, load: Loader, sized: Sized) -> None:
    size = sized(quick=32 * 2**20, standard=64 * 2**20, full=256 * 2**20)
    number = sized(quick=8, standard=64, full=4096)
    app = clinic()
    intact = [checksum(kind, size) for kind in range(KINDS)]
    altered = {checksum(ALTERED + 8 * kind, size) for kind in range(KINDS)}
    httpx.post(f"{app.url}/ingest", content=b"x" * PIECE).raise_for_status()  # the service has seen one
    small = app.usage().rss
    upload = Post(
        f"{app.url}/ingest",
        body=lambda call: pieces(call.index, size),
        length=size,
        headers=lambda call: {"X-Checksum": intact[call.index % KINDS]},
        expect={200, 422},
        keep=lambda answer: (answer.status, answer.json().get("sha256") or answer.json()["actual"]),
    )
    with (
        load(upload, users=2, deadline=120) as run,
        Meter(app.usage) as service,
        Meter(lambda: burden(run)) as driver,
    ):
        while len(run.samples) < number:
            run.hold(0.1)
    assert not run.samples.errors
    answers = Counter(run.samples.returned)
    assert {sha for status, sha in answers if status == 200} == set(intact)
    assert {sha for status, sha in answers if status == 422} <= altered
    turned_away = sum(times for (status, _), times in answers.items() if status == 422)
    assert turned_away == len(range(ALTERED, len(run.samples), 8))
    counted = re.search(r"^clinic_ingested_bytes_total (\S+)$", httpx.get(f"{app.url}/metrics").text, re.MULTILINE)
    assert counted and float(counted[1]) == pytest.approx(len(run.samples) * size + PIECE, rel=1e-8)
    assert max(reading.memory for reading in service.readings) < small + HELD
    assert max(reading.memory for reading in driver.readings) < driver.readings[0].memory + HELD
