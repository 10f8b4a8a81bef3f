"""Samples are written in formats that other tools read."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import pytest
from measuring import of_latencies, outage, sample, steady

from pytest_resilience.errors import NoSamples, UsageError
from pytest_resilience.measure import hdr
from pytest_resilience.measure.samples import Samples
from pytest_resilience.measure.store import Store


def mixed(*, seconds: int = 20, store: Store | None = None) -> Samples:
    made = [
        sample(
            50 + index / 100,
            0.01 + index % 100 / 1000,
            status=503 if index % 50 == 0 else 200,
            error="status 503" if index % 50 == 0 else None,
            name="GET /slots, all" if index % 2 else "POST /bookings",
        )
        for index in range(seconds * 100)
    ]
    return Samples(sorted(made, key=lambda one: one.done), store=store)


def folded(*, seconds: int = 60) -> Samples:
    return mixed(seconds=seconds, store=Store(chunk=1000, raw=2))


def read_json(samples: Samples, tmp_path: Path) -> dict[str, object]:
    return json.loads(samples.save(tmp_path / "run.json").read_text())


def test_json_tells_the_figures_and_each_second(tmp_path):
    told = read_json(mixed(), tmp_path)
    assert told["format"] == "pytest-resilience samples 1"
    assert (told["samples"], told["failures"], told["resolution"]) == (2000, 40, 0)
    assert told["errors"] == {"status 503": 40}
    assert told["statuses"] == {"200": 1960, "503": 40}
    assert told["latency"] == pytest.approx(
        {"p50": 0.059, "p90": 0.099, "p95": 0.104, "p99": 0.108, "p99.9": 0.109, "max": 0.109}
    )
    assert sum(second["finished"] for second in told["seconds"]) == 2000
    assert {second["name"] for second in told["seconds"]} == {"GET /slots, all", "POST /bookings"}
    assert [second["at"] for second in told["seconds"]] == sorted(second["at"] for second in told["seconds"])


def test_json_of_folded_samples_tells_the_same(tmp_path):
    raw, long = read_json(mixed(seconds=60), tmp_path), read_json(folded(), tmp_path)
    assert long["resolution"] == 1
    assert [second["finished"] for second in long["seconds"]] == [second["finished"] for second in raw["seconds"]]
    assert [second["failed"] for second in long["seconds"]] == [second["failed"] for second in raw["seconds"]]
    assert long["latency"] == pytest.approx(raw["latency"], rel=0.005)


def test_quantiles_that_so_few_do_not_have_are_none(tmp_path):
    told = read_json(of_latencies([0.01] * 50), tmp_path)
    known = {name: None if value is None else round(value, 6) for name, value in told["latency"].items()}
    assert known == {"p50": 0.01, "p90": 0.01, "p95": 0.01, "p99": None, "p99.9": None, "max": 0.01}


def read_csv(samples: Samples, tmp_path: Path) -> list[dict[str, str]]:
    with samples.save(tmp_path / "run.csv").open() as file:
        return list(csv.DictReader(file))


def test_csv_holds_every_raw_sample(tmp_path):
    samples = Samples([sample(10.0, 0.5, lag=0.001), sample(11.0, 2.0, status=None, error="timeout", name="a, b")])
    assert read_csv(samples, tmp_path) == [
        {"due": "0.000000", "sent": "0.001000", "done": "0.500000", "latency": "0.500000000", "status": "200",
         "error": "", "name": "GET /", "size": "0", "count": "1"},
        {"due": "1.000000", "sent": "1.000000", "done": "3.000000", "latency": "2.000000000", "status": "",
         "error": "timeout", "name": "a, b", "size": "0", "count": "1"},
    ]  # fmt: skip


def test_csv_of_folded_samples_counts_them(tmp_path):
    rows = read_csv(folded(), tmp_path)
    assert sum(int(row["count"]) for row in rows) == 6000
    assert sum(int(row["count"]) for row in rows if row["error"]) == 120
    alike = Samples((sample(index / 100) for index in range(6000)), store=Store(chunk=1000, raw=2))
    rows = read_csv(alike, tmp_path)
    assert len(rows) < 3300
    assert rows[0]["sent"] == "" and sum(int(row["count"]) for row in rows) == 6000


@pytest.mark.parametrize("name", ["run.txt", "run", "run.json.gz"])
def test_a_format_that_is_not_known_is_refused(tmp_path, name):
    with pytest.raises(UsageError, match=r"one of \.json, \.csv, \.hlog"):
        steady(1).save(tmp_path / name)
    assert not (tmp_path / name).exists()


def test_an_empty_window_writes_nothing(tmp_path):
    with pytest.raises(NoSamples):
        steady(2).after(outage(50, 60)).save(tmp_path / "run.json")
    assert not (tmp_path / "run.json").exists()


# HdrHistogram


def test_a_histogram_is_encoded_as_the_reference_encodes_it():
    # The payload of one value of 1 in V2: two bytes, of which the first says that the place of 0 is empty.
    import base64
    import struct
    import zlib

    packed = base64.b64decode(hdr.encode({1: 3}))
    cookie, length = struct.unpack(">ii", packed[:8])
    assert (cookie, length) == (0x1C849314, len(packed) - 8)
    head = struct.unpack(">iiiiqqd", zlib.decompress(packed[8:])[:40])
    assert head == (0x1C849313, 2, 0, 3, 1, 24 * 3600 * 10**9, 1.0)
    assert zlib.decompress(packed[8:])[40:] == bytes([0x01, 0x06])


@pytest.mark.parametrize(
    "value", [0, 1, 2047, 2048, 2049, 4095, 4096, 123_456_789, 10**9, 3600 * 10**9, 24 * 3600 * 10**9]
)
def test_its_own_tools_read_a_value_within_a_thousandth(value):
    histogram = pytest.importorskip("hdrh.histogram").HdrHistogram.decode(hdr.encode({value: 7}))
    assert histogram.get_total_count() == 7
    assert histogram.get_max_value() == pytest.approx(value, rel=0.001)
    assert histogram.get_min_value() == pytest.approx(value, rel=0.001)


def test_its_own_tools_read_many_values_with_their_counts():
    module = pytest.importorskip("hdrh.histogram")
    counts = {round(1000 * 1.01**power): 1 + power**3 for power in range(1500)}
    read = module.HdrHistogram.decode(hdr.encode(counts))
    mine = module.HdrHistogram(1, hdr.HIGHEST, 3)
    for value, count in counts.items():
        mine.record_value(value, count)
    assert read.get_total_count() == sum(counts.values())
    for q in (0, 1, 50, 90, 99, 99.9, 100):
        assert read.get_value_at_percentile(q) == mine.get_value_at_percentile(q)


@pytest.mark.parametrize("samples", [mixed(), folded()], ids=["raw", "folded"])
def test_its_own_tools_read_the_log(tmp_path, samples):
    module = pytest.importorskip("hdrh.log")
    from hdrh.histogram import HdrHistogram

    path = samples.save(tmp_path / "run.hlog")
    whole = HdrHistogram(1, hdr.HIGHEST, 3)
    reader = module.HistogramLogReader(str(path), whole)
    tags = set()
    while (interval := reader.get_next_interval_histogram()) is not None:
        tags.add(interval.get_tag())
        whole.add(interval)
    reader.close()
    assert whole.get_total_count() == len(samples)
    assert tags == {"GET_/slots__all", "POST_/bookings"}
    for q in (0.5, 0.95, 0.99):
        assert whole.get_value_at_percentile(100 * q) / 1e9 == pytest.approx(samples.quantile(q), rel=0.005)


def test_the_log_is_written_by_the_second_in_the_order_of_time(tmp_path):
    lines = folded().save(tmp_path / "run.hlog").read_text().splitlines()
    assert lines[0] == "#[Histogram log format version 1.3]"
    assert lines[3].startswith('"StartTimestamp","Interval_Length"')
    starts = [float(line.split(",")[1]) for line in lines[4:]]
    assert starts == sorted(starts)
    assert all(line.split(",")[2] == "1.000" for line in lines[4:])
    assert math.isclose(max(float(line.split(",")[3]) for line in lines[4:]), 109, rel_tol=0.005)
