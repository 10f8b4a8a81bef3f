"""The promise of the house, kept fifty times: killed at any moment, and three seconds later nothing is left."""

from __future__ import annotations

import random
import signal
import time

import pytest

from pytest_resilience.waiting import wait_until

# Never stops starting, stopping and making things, so that the kill finds it in the middle of one.
STORM = """
import random
chance = random.Random({seed})
made = 0
while True:
    deed = chance.choice(["group", "daemon", "directory", "undo"])
    if deed == "group":
        child = janitor.launch(["sh", "-c", "sleep 1000 & sleep 1000 & wait"], output=janitor.directory / "log")
        if chance.random() < 0.5: os.killpg(child.pid, signal.SIGSTOP)
    elif deed == "daemon":
        janitor.launch(["sh", "-c", "(setsid sh -c 'sleep 1000 & sleep 1000' &); exit 0"])
    elif deed == "directory":
        made += 1
        place = janitor.directory.parent / f"place-{{made}}"
        janitor.promise(RemoveDirectory(place))
        place.mkdir()
        (place / "file").write_text("x")
    else:
        child = janitor.launch(["sleep", "1000"])
        os.killpg(child.pid, signal.SIGKILL)
        child.process.wait()
        child.promise.kept()
"""


@pytest.mark.slow
@pytest.mark.parametrize("batch", range(5))
def test_nothing_is_left_three_seconds_after_a_kill_at_any_moment(owner, batch):
    chance = random.Random(batch)
    for round_ in range(10):
        one = owner(STORM.format(seed=batch * 10 + round_))
        moment = time.monotonic() + chance.uniform(0, 0.25)
        wait_until(lambda at=moment: time.monotonic() >= at, within=1, every=0.001)
        one.end(signal.SIGKILL)
        one.must_vanish(within=3)
