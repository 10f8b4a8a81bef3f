"""Exports: samples as JSON, as CSV, and as HdrHistogram's log, by the suffix of a file."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_resilience.errors import UsageError
from pytest_resilience.measure import buckets, figures, hdr
from pytest_resilience.measure.columns import NONE
from pytest_resilience.measure.intervals import Interval, intervals
from pytest_resilience.measure.spread import Spread

if TYPE_CHECKING:
    from pytest_resilience.measure.reckoning import Reckoning

FORMAT = "pytest-resilience samples 1"
QUANTILES = (0.5, 0.9, 0.95, 0.99, 0.999)
FIELDS = ("due", "sent", "done", "latency", "status", "error", "name", "size", "count")


def save(samples: Reckoning, path: Path) -> Path:
    """Write samples in the format that the suffix of `path` names."""
    writers: dict[str, Callable[[Reckoning, Path], None]] = {".json": _json, ".csv": _csv, ".hlog": _hlog}
    writer = writers.get(path.suffix)
    if writer is None:
        raise UsageError(f"save({str(path)!r}): the suffix names the format, one of {', '.join(writers)}")
    writer(samples, path)
    return path


def _hlog(samples: Reckoning, path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        for line in hdr.log(intervals(samples.view), samples.span[0]):
            file.write(f"{line}\n")


def _csv(samples: Reckoning, path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(FIELDS)
        writer.writerows(rows(samples))


def rows(samples: Reckoning) -> Iterator[tuple[object, ...]]:
    """Yield a row for each raw sample and for each bucket of folded ones, times in seconds since the start.

    Of a folded row the times are those of its second; when it was sent is not known, nor the size of each.
    """
    view, origin = samples.view, samples.span[0]
    errors, names = view.errors.texts, view.names.texts
    for block in view.blocks:
        for entry in block.finest:
            error = "" if entry.error == NONE else errors[entry.error]
            status = "" if entry.status == NONE else entry.status
            times = f"{entry.due - origin:.6f}", "", f"{entry.done - origin:.6f}"
            for bucket, count in entry.latency:
                yield *times, f"{buckets.middle(bucket):.9f}", status, error, names[block.name], "", count
    for one in view.raw():
        moments = [f"{time - origin:.6f}" for time in one[:3]]
        latency = f"{one.done - one.due:.9f}"
        yield *moments, latency, one.status or "", one.error or "", one.name, one.size, 1


def _json(samples: Reckoning, path: Path) -> None:
    origin = samples.span[0]
    with path.open("w", encoding="utf-8") as file:
        head = json.dumps(summary(samples), indent=1)
        file.write(head.removesuffix("\n}") + ',\n "seconds": [')
        for number, one in enumerate(intervals(samples.view)):
            file.write(",\n  " if number else "\n  ")
            json.dump(_second(one, origin), file)
        file.write("\n ]\n}\n")


def summary(samples: Reckoning) -> dict[str, object]:
    """Return the figures of samples, in seconds, with None for those that so few do not have."""
    spread, view = samples.spread(), samples.view
    statuses: dict[str, int] = {}
    for (status, _), count in view.outcomes().items():
        key = "none" if status == NONE else str(status)
        statuses[key] = statuses.get(key, 0) + count
    saturated = samples.saturation()
    return {
        "format": FORMAT,
        "window": samples.label,
        "start": samples.span[0],
        "duration": samples.duration,
        "resolution": samples.resolution,
        "samples": len(samples),
        "failures": samples.failures,
        "impatient": samples.impatient,
        "unsent": len(samples.unsent),
        "saturated": None if saturated is None else str(saturated),
        "busy": None if math.isnan(samples.busy) else samples.busy,
        "bytes": samples.bytes,
        "errors": view.tally(),
        "statuses": statuses,
        "latency": {
            **{figures.quantile_name(q): _quantile(spread, q) for q in QUANTILES},
            "max": spread[-1],
        },
    }


def _quantile(spread: Spread, q: float) -> float | None:
    return figures.quantile(spread, q) if len(spread) >= figures.needed(q) else None


def _second(one: Interval, origin: float) -> dict[str, object]:
    ranks = {q: figures.rank(q, one.finished) for q in (0.5, 0.99)}
    return {
        "at": round(one.start - origin, 3),
        "length": one.end - one.start,
        "name": one.name,
        "finished": one.finished,
        "failed": one.failed,
        "impatient": one.impatient,
        **{
            figures.quantile_name(q): one.quantile(rank) if one.finished >= figures.needed(q) else None
            for q, rank in ranks.items()
        },
        "max": max(one.latencies),
    }
