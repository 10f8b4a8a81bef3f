"""Frozen samples: what is written of a round says the same, and hours of it are small."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator

import pytest

from pytest_resilience import SLO, Samples
from pytest_resilience.measure.batches import effect
from pytest_resilience.measure.frozen import Frozen, freeze, thaw
from pytest_resilience.measure.probe import Harness
from pytest_resilience.measure.sample import Sample, Strain


def calls(count: int, *, start: float = 1000.0, seed: int = 1) -> Iterator[Sample]:
    draw = random.Random(seed)
    for number in range(count):
        due, took = start + number / 10, draw.lognormvariate(-4, 0.6)
        failed = number % 50 == 0
        yield Sample(
            due, due + 0.0002, due + took, 503 if failed else 200, "status 503" if failed else None,
            f"GET /{number % 3}", size=number % 7,
        )  # fmt: skip


def stored(frozen: Frozen) -> Frozen:
    """What is read again after it was written."""
    read: Frozen = json.loads(json.dumps(frozen))
    return read


def test_what_is_read_again_says_the_same() -> None:
    plain = Samples(calls(3000))
    again = thaw([(stored(freeze(calls(3000))), 0.0)])
    assert (len(again), again.errors, again.statuses, again.bytes) == (
        len(plain), plain.errors, plain.statuses, plain.bytes,
    )  # fmt: skip
    assert sorted(again.names) == sorted(plain.names)
    assert len(again.named("GET /1")) == 1000
    for q in (0.5, 0.95, 0.99):
        assert again.quantile(q) == pytest.approx(plain.quantile(q), rel=0.004)
    slo = SLO(p95=0.1, error_rate=0.03)
    assert slo.met_by(again).outcome is slo.met_by(plain).outcome


def test_rounds_are_one_and_each_is_moved_to_its_place() -> None:
    again = thaw((stored(freeze(calls(600, seed=seed))), 1000.0 * seed) for seed in range(5))
    assert len(again) == 3000
    assert again.span[0] == pytest.approx(1000, abs=1)
    assert again.span[1] == pytest.approx(1000 + 4000 + 60, abs=2)


def test_what_came_in_bursts_is_worth_less_also_when_it_is_read_again() -> None:
    slow = [one._replace(done=one.due + 1) if 1010 < one.due < 1013 else one for one in calls(600)]
    alike, apart = (thaw([(stored(freeze(slow, piece=piece)), 0.0)]) for piece in (600.0, 1.0))
    assert (alike.resolution, apart.resolution) == (pytest.approx(60, abs=3), pytest.approx(2, abs=1))
    assert effect(alike.view, 0.95, above=0.5) == 1  # nobody can tell
    assert effect(apart.view, 0.95, above=0.5) > 5


def test_that_the_driver_was_the_limit_is_kept() -> None:
    strain = [Strain(1000.0 + at, 1.0, 0.05) for at in range(10)]
    assert thaw([(stored(freeze(calls(300), strain=strain)), 0.0)]).saturation() is not None
    assert thaw([(stored(freeze(calls(300), unsent=[1000.5])), 0.0)]).saturation() is not None


def test_nothing_is_nothing() -> None:
    assert len(thaw([(stored(freeze(())), 0.0)])) == 0


def test_hours_are_small_on_disk_and_leave_nothing_in_memory() -> None:
    """An hour at five a second: 18,000 calls in 12 rounds, of which the first takes what memory it needs."""
    written = []
    for seed in range(12):
        written.append(len(gzip.compress(json.dumps(freeze(calls(1500, seed=seed))).encode())))
        if seed == 0:
            before = Harness().usage().rss
    assert Harness().usage().rss - before < 4_000_000
    assert sum(written) < 12 * 4000, written
