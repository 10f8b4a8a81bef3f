"""A pytest that is killed with SIGKILL, at any moment: three seconds later nothing of it is left.

Containers go at the pace of the Docker daemon, and are given longer.
"""

from __future__ import annotations

import random
import re
import signal
import time
from collections import Counter
from pathlib import Path

import pytest
from deaths import DOCKER, Inner, need_docker, stop_all
from storm import STORM

from pytest_resilience.waiting import wait_until

# From which words of the inner run on a kill is timed, and up to how many seconds later. Each is worth a kill in turn.
MOMENTS = (("", 1.2), ("<starting>", 0.8), ("<in force>", 0.7), ("<healing>", 0.05), ("<tearing down>", 0.25))
IN_CONTAINERS = (("<starting>", 3.0), ("<in force>", 4.0), ("<healing>", 1.0), ("<tearing down>", 2.0), ("", 1.5))

PHASES = re.compile(r"<([a-z][^>]*)>")


def kill_and_look(place: Path, seed: int, *, options: tuple[str, ...] = (), lasting: float, within: float) -> str:
    """Kill one run at the moment that `seed` draws; return the phase that it was in."""
    chance = random.Random(seed)
    moments = IN_CONTAINERS if options else MOMENTS
    words, longest = moments[seed % len(moments)]
    delay = chance.uniform(0, longest)
    inner = Inner(place / str(seed), STORM, *options, STORM_SEED=str(seed), STORM_LASTING=str(lasting))
    try:
        inner.await_words(words)
        at = time.monotonic() + delay
        wait_until(lambda: time.monotonic() >= at, within=longest + 1, every=0.001)
        ended = inner.process.poll() is not None
        inner.end(signal.SIGKILL)
        phase = PHASES.findall(inner.said)[-1] if PHASES.search(inner.said) else "coming up"
        about = f"seed {seed}, killed {delay:.3f} s after {words or 'its start'}, when it was {phase}"
        took = inner.must_vanish(within=within, about=about)
    finally:
        stop_all(inner)
    print(f"{about}: all gone after {took:.2f} s{', by itself' if ended else ''}")
    assert ended or inner.process.returncode == -signal.SIGKILL, about
    return "ended" if ended else phase.partition(" ")[0]


def test_three_runs_that_are_killed_leave_nothing(tmp_path: Path) -> None:
    phases = [kill_and_look(tmp_path, seed, lasting=0.5, within=3) for seed in (1, 2, 4)]
    assert phases.count("ended") < 2


@pytest.mark.slow
@pytest.mark.parametrize("batch", range(5))
def test_fifty_runs_that_are_killed_at_any_moment_leave_nothing(tmp_path: Path, batch: int) -> None:
    phases = Counter(kill_and_look(tmp_path, batch * 10 + turn, lasting=0.5, within=3) for turn in range(10))
    assert phases["ended"] <= 2, f"too few were killed alive: {phases}"
    assert len(phases) >= 3, f"the moments are not spread: {phases}"


@pytest.mark.slow
@pytest.mark.docker
def test_ten_runs_with_containers_that_are_killed_leave_nothing(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    need_docker(pytestconfig)
    phases = Counter(kill_and_look(tmp_path, seed, options=DOCKER, lasting=2, within=15) for seed in range(10))
    assert phases["ended"] <= 2, f"too few were killed alive: {phases}"
