"""Tests of uploads."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from clinic.errors import Refusal
from clinic.spool import Spool
from clinic_processes import Start


def test_an_upload_is_answered_with_its_size_and_checksum(clinic: httpx.Client) -> None:
    data = os.urandom(300_000)
    checksum = hashlib.sha256(data).hexdigest()
    answer = clinic.post("/ingest", content=data, headers={"X-Checksum": f"sha256:{checksum}"})
    assert (answer.status_code, answer.json()) == (200, {"bytes": 300_000, "sha256": checksum})
    assert "clinic_ingested_bytes_total 300000" in clinic.get("/metrics").text


def test_a_wrong_checksum_is_refused_with_both(clinic: httpx.Client) -> None:
    answer = clinic.post("/ingest", content=b"spam", headers={"X-Checksum": "00"})
    assert answer.status_code == 422
    assert answer.json()["expected"] == "00"
    assert answer.json()["actual"] == hashlib.sha256(b"spam").hexdigest()


def test_nothing_has_a_checksum_too(clinic: httpx.Client) -> None:
    assert clinic.post("/ingest").json() == {"bytes": 0, "sha256": hashlib.sha256().hexdigest()}


def test_an_upload_beyond_the_limit_is_refused(start: Start) -> None:
    url = start("web", INGEST_LIMIT=1000).url
    answer = httpx.post(f"{url}/ingest", content=b"x" * 1001)
    assert (answer.status_code, answer.json()) == (413, {"error": "body_too_large", "limit": 1000})


def test_a_large_upload_takes_no_more_memory_than_a_small_one(start: Start) -> None:
    web = start("web")
    usage = psutil.Process(web.process.pid)
    block = b"x" * 2**20

    def blocks(number: int) -> Iterator[bytes]:
        for _ in range(number):
            yield block

    httpx.post(f"{web.url}/ingest", content=blocks(4))
    before = usage.memory_info().rss
    assert httpx.post(f"{web.url}/ingest", content=blocks(100)).json()["bytes"] == 100 * 2**20
    assert usage.memory_info().rss - before < 16 * 2**20


def test_an_upload_that_is_kept_is_a_file_of_its_checksums_name(start: Start, tmp_path: Path) -> None:
    url = start("web", INGEST_SPOOL=tmp_path).url
    checksum = httpx.post(f"{url}/ingest", content=b"spam").json()["sha256"]
    assert httpx.post(f"{url}/ingest", content=b"eggs", headers={"X-Checksum": "00"}).status_code == 422
    assert (tmp_path / checksum).read_bytes() == b"spam"
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".log"] == [checksum]


def test_an_upload_that_does_not_fit_is_refused_and_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(Refusal) as refusal, Spool(str(tmp_path)).part() as part:
        part.write(b"spam")
    assert (refusal.value.status, refusal.value.body) == (507, {"error": "storage_full", "outcome": "not done"})
    assert not list(tmp_path.iterdir())
