"""A day of load takes a known amount of memory."""

from __future__ import annotations

import random
import sys
from array import array
from itertools import repeat

import pytest

from pytest_resilience.measure.block import fold
from pytest_resilience.measure.columns import Columns
from pytest_resilience.measure.samples import Samples
from pytest_resilience.measure.store import Store


def second(at: int, rate: int, chance: random.Random) -> dict[str, object]:
    due = array("d", [at + index / rate for index in range(rate)])
    sent = array("d", [one + 0.00005 for one in due])
    done = array("d", [one + chance.lognormvariate(0, 1) / 100 for one in due])
    ok, none = array("h", repeat(200, rate)), array("h", repeat(-1, rate))
    size = array("q", repeat(4711, rate))
    return {
        "size": size,
        "due": due,
        "sent": sent,
        "done": done,
        "status": ok,
        "error": none,
        "name": array("h", bytes(2 * rate)),
    }


def bytes_of(store: Store) -> int:
    """What a store takes, by the sizes of its own arrays and of what is folded."""
    blocks, kept, fresh = store._held
    columns = sum(
        sys.getsizeof(getattr(chunk, field))
        for chunk in (*kept, *fresh)
        for field in Columns.__slots__
        if field != "names"
    )
    return columns + sum(block.size + sys.getsizeof(block) + 2 * 64 for block in blocks)


def test_a_second_of_a_thousand_samples_folds_into_three_hundred_bytes():
    chance = random.Random(4)
    columns = Samples()
    for at in range(65):
        columns.extend_columns(**second(at, 1000, chance), texts=["GET /slots"])
    (chunk,) = columns._growing._held[2]
    (block,) = fold(chunk)
    assert block.size / 65 < 325
    # A day of it: 27 MB of blocks at most by the store's own rule, and what is left of each block.
    assert block.whole.size * 86_400 / 65 < 4e6


@pytest.mark.slow
def test_a_long_run_takes_less_than_64_megabytes_whatever_its_length():
    chance = random.Random(5)
    samples = Samples()
    patterns = [second(0, 1000, chance) for _ in range(20)]
    for at in range(2500):
        one = patterns[at % 20]
        moved = {field: array("d", map(float(at).__add__, one[field])) for field in ("due", "sent", "done")}
        samples.extend_columns(**{**one, **moved}, texts=["GET /slots"])
    store = samples._growing
    blocks = store._held[0]
    assert len(samples) == 2_500_000
    raw = bytes_of(store) - sum(block.size for block in blocks)
    per_second = sum(block.size for block in blocks) / (sum(block.count for block in blocks) / 1000)
    coarse = sum(block.whole.size for block in blocks) / (sum(block.count for block in blocks) / 1000)
    # Kept rows near episodes are 131,072 at the most, and these are not there in this run.
    most = raw + 131_072 * 38 + min(per_second * 86_400, store._most_seconds + coarse * 86_400)
    print(f"{raw / 1e6:.1f} MB raw, {per_second:.0f} B a second, {most / 1e6:.1f} MB a day")
    assert most < 64e6
    assert samples.p99 == pytest.approx(0.102, rel=0.05)
