"""Frozen samples: folded to a histogram for each outcome, as plain lists that can be written down and read again."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import islice
from statistics import fmean, median
from typing import TypedDict

from pytest_resilience.measure.block import Block, fold
from pytest_resilience.measure.columns import Columns
from pytest_resilience.measure.packed import Entry
from pytest_resilience.measure.sample import Sample, Strain
from pytest_resilience.measure.samples import Samples
from pytest_resilience.measure.store import BATCH, Store
from pytest_resilience.measure.vocabulary import Vocabulary

Buckets = list[list[int]]
Row = tuple[int, int, int, int, int, str | None, bool, int, int, Buckets, Buckets, Buckets]


class Frozen(TypedDict):
    """Samples of one stretch of time.

    `blocks`: of each name its name, its start and end, and its entries: due and done (from, to), status, error (its
    text, or None), late, number, size, and three histograms. `strain`: the mean share of a core and the median lag.
    """

    blocks: list[tuple[str, float, float, list[Row]]]
    strain: tuple[float, float, float] | None
    unsent: list[float]


def freeze(
    samples: Iterable[Sample], *, piece: float = math.inf, strain: Sequence[Strain] = (), unsent: Sequence[float] = ()
) -> Frozen:
    """Return samples as plain lists; what they returned is left out.

    :param piece: seconds that share a histogram, so that it can be told later what came in bursts.
    """
    errors, names = Vocabulary(), Vocabulary()
    pieces: dict[int, Columns] = {}
    coming = iter(samples)
    while batch := list(islice(coming, BATCH)):
        apart: dict[int, list[Sample]] = {}
        for sample in batch:
            apart.setdefault(math.floor(sample.due / piece), []).append(sample)
        for number, alike in apart.items():
            pieces.setdefault(number, Columns(errors, names)).extend(alike)
    blocks = [
        (names.texts[block.name], block.start, block.end, [_row(entry, errors.texts) for entry in block.whole])
        for _, columns in sorted(pieces.items())
        for block in fold(columns)
    ]
    told = (strain[0].at, fmean(one.cpu for one in strain), median(one.lag for one in strain)) if strain else None
    return {"blocks": blocks, "strain": told, "unsent": list(unsent)}


def thaw(parts: Iterable[tuple[Frozen, float]]) -> Samples:
    """Return the samples of several stretches as one, each moved by so many seconds."""
    store = Store()
    strain: list[Strain] = []
    unsent: list[float] = []
    for part, moved in parts:
        for name, start, end, rows in part["blocks"]:
            entries = [_entry(row, store.errors, math.floor(moved)) for row in rows]
            block = Block(store.names.number(name), entries, start + math.floor(moved), end + math.floor(moved))
            store.adopt(block.coarsened())
        if part["strain"] is not None:
            at, cpu, lag = part["strain"]
            strain.append(Strain(at + moved, cpu, lag))
        unsent += [due + moved for due in part["unsent"]]
    return Samples(strain=strain, unsent=unsent, store=store)


def _row(entry: Entry, errors: Sequence[str]) -> Row:
    error = None if entry.error < 0 else errors[entry.error]
    histograms = ([*map(list, one)] for one in (entry.latency, entry.service, entry.lateness))
    latency, service, lateness = histograms
    return (*entry[:5], error, entry.late, entry.number, entry.size, latency, service, lateness)


def _entry(row: Row, errors: Vocabulary, moved: int) -> Entry:
    due, due_end, done, done_end, status, error, late, number, size, *histograms = row
    latency, service, lateness = ([(bucket, count) for bucket, count in one] for one in histograms)
    return Entry(
        due=due + moved,
        due_end=due_end + moved,
        done=done + moved,
        done_end=done_end + moved,
        status=status,
        error=-1 if error is None else errors.number(error),
        late=late,
        number=number,
        size=size,
        latency=latency,
        service=service,
        lateness=lateness,
    )
