"""A pytest that is killed in the middle of a failover: three seconds later nothing of either server is left."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path

import pytest
from deaths import Inner, stop_all
from storm import CLUSTERS

from pytest_resilience.waiting import wait_until

# From which words on the kill is timed, and up to how many seconds later.
MOMENTS = (("<failing over>", 0.15), ("<in force>", 0.1), ("<healing>", 0.3), ("<starting>", 1.0))


def kill_and_look(place: Path, kind: str, seed: int) -> None:
    chance = random.Random(f"{kind} {seed}")
    words, longest = MOMENTS[seed % len(MOMENTS)]
    delay = chance.uniform(0, longest)
    inner = Inner(place / f"{kind}-{seed}", CLUSTERS, STORM_SEED=str(seed), STORM_KIND=kind)
    try:
        inner.await_words(words)
        at = time.monotonic() + delay
        wait_until(lambda: time.monotonic() >= at, within=longest + 1, every=0.001)
        inner.end(signal.SIGKILL)
        about = f"{kind}, seed {seed}, killed {delay:.3f} s after {words}"
        took = inner.must_vanish(within=3, about=about)
    finally:
        stop_all(inner)
    print(f"{about}: all gone after {took:.2f} s")
    assert inner.process.returncode == -signal.SIGKILL, f"{about}: it had ended by itself: {inner.said}"
    assert words in inner.said


@pytest.mark.parametrize("kind", ["redis", "postgres"])
def test_a_run_that_is_killed_in_a_failover_leaves_nothing(tmp_path: Path, kind: str) -> None:
    kill_and_look(tmp_path, kind, 0)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "seed"), [("redis sentinel", 1), ("postgres synchronous", 2), ("redis", 3)])
def test_a_run_that_is_killed_when_it_is_healing_or_starting_leaves_nothing(
    tmp_path: Path, kind: str, seed: int
) -> None:
    kill_and_look(tmp_path, kind, seed)
