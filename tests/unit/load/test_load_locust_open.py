"""An open user: its arrivals come when they are due, and a stall hides nothing."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from counting_server import Counting, counting_server

from pytest_resilience.errors import UsageError
from pytest_resilience.janitor import Janitor
from pytest_resilience.load.loader import Loader
from pytest_resilience.load.locustfile import Locustfile
from pytest_resilience.load.profile import ramp
from pytest_resilience.options import Options

pytestmark = pytest.mark.skipif(importlib.util.find_spec("locust") is None, reason="Locust is not installed")
READING = Path(__file__).with_name("journeys") / "reading.py"


@pytest.fixture
def server() -> Iterator[Counting]:
    with counting_server() as server:
        yield server


@pytest.fixture
def load(load_janitor: Janitor) -> Loader:
    return Loader(load_janitor, seed=7, allowed=Options().check_target)


@pytest.mark.parametrize("workers", [0, 2])
def test_arrivals_are_due_as_the_rate_says_whoever_sends_them(load: Loader, server: Counting, workers: int) -> None:
    with load(Locustfile(READING, user="Visitor", host=server.url, workers=workers), rate=50) as run:
        run.hold(1)
    first, second = run.samples.named("GET /ok"), run.samples.named("GET /second")
    assert (len(first), len(second)) == (server.counts["/ok"], server.counts["/second"])
    dues = sorted(sample.due for sample in first)
    assert len(dues) >= 50 and dues[0] == pytest.approx(run.began)
    assert all(after - before == pytest.approx(0.02) for before, after in pairwise(dues))
    # Only the first request of an arrival waits for it; the next one is due when the first is answered.
    assert all(sample.sent >= sample.due for sample in first)
    assert all(sample.sent == sample.due for sample in second)


def test_a_stall_is_seen_by_all_who_arrive_meanwhile(load: Loader, server: Counting) -> None:
    with load(Locustfile(READING, user="Visitor", host=server.url), rate=100) as run:
        run.hold(0.5)
        server.stall(0.5)
        run.hold(1)
    # 50 arrive during the stall and wait between 0 and 0.5 s; of these, 40 wait longer than 0.1 s.
    waited = [latency for latency in run.samples.named("GET /ok").latencies if latency > 0.1]
    # Nothing of it is hidden, which is the lower side; a machine that stalls too adds to the upper one.
    assert len(waited) >= 35
    assert max(waited) > 0.45
    assert sorted(waited)[len(waited) // 2] > 0.2


def test_a_profile_that_ends_is_sent_to_its_last_arrival(load: Loader, server: Counting) -> None:
    profile = ramp(0, 80, over=1)
    with load(Locustfile(READING, user="Visitor", host=server.url), rate=profile) as run:
        run.finish()
    assert len(run.samples.named("GET /ok")) == 40 and run.unsent == 0


def test_a_rate_for_users_who_wait_is_refused(load: Loader, server: Counting) -> None:
    run = load(Locustfile(READING, user="Reader", host=server.url), rate=10)
    with pytest.raises(UsageError, match="rate= needs one user class that is an OpenUser, and this would run Reader"):
        run.__enter__()


def test_users_who_do_not_wait_are_refused_to_be_counted(load: Loader, server: Counting) -> None:
    run = load(Locustfile(READING, user="Visitor", host=server.url), users=10)
    with pytest.raises(UsageError, match="Visitor is an OpenUser.*give rate= instead of users="):
        run.__enter__()
