"""Locust files under load: Locust's own processes make the journeys, and every sample comes back."""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from counting_server import Counting, counting_server

from pytest_resilience.janitor import Janitor
from pytest_resilience.load.loader import Loader
from pytest_resilience.load.locustfile import Locustfile
from pytest_resilience.load.profile import ramp, stairs, steady
from pytest_resilience.load.run import Run
from pytest_resilience.options import Options
from pytest_resilience.timeline import Episode, Receipt
from pytest_resilience.waiting import wait_until

pytestmark = pytest.mark.skipif(importlib.util.find_spec("locust") is None, reason="Locust is not installed")
READING = Path(__file__).with_name("journeys") / "reading.py"


@pytest.fixture
def server() -> Iterator[Counting]:
    with counting_server() as server:
        yield server


@pytest.fixture
def load(load_janitor: Janitor) -> Loader:
    return Loader(load_janitor, seed=7, allowed=Options().check_target)


def logs(janitor: Janitor, process: str) -> str:
    return "".join(path.read_text() for path in janitor.directory.glob(f"locust-{process}-*.log"))


@pytest.mark.parametrize(("user", "workers"), [("Reader", 0), ("PlainReader", 2)])
def test_every_request_that_the_server_has_counted_is_a_sample(
    load: Loader, server: Counting, user: str, workers: int
) -> None:
    with load(Locustfile(READING, user=user, host=server.url, workers=workers), users=4) as run:
        run.hold(1)
    assert len(run.samples) == server.counts["/ok"] > 50
    assert run.samples.statuses == {200} and run.samples.error_rate == 0
    assert {sample.name for sample in run.samples} == {"GET /ok"}
    assert all(run.began <= sample.due <= sample.sent < sample.done for sample in run.samples)
    # What Locust rounds to whole milliseconds is kept as it was.
    assert len(set(run.samples.latencies)) > len(run.samples) * 0.9
    assert run.samples.strain and len(run.pids) == (workers + 1 if workers else 1)


@pytest.mark.parametrize("workers", [0, 1])
def test_no_request_is_cut_off_where_a_user_who_never_waits_is_stopped(
    load: Loader, server: Counting, workers: int
) -> None:
    profile = stairs(8, 2, each=0.8)
    with load(Locustfile(READING, user="Greedy", host=server.url, workers=workers), users=profile) as run:
        run.finish()
    assert len(run.samples) == server.counts["/ok"] > 0
    assert run.samples.failures == 0


def test_what_is_in_flight_at_the_end_is_waited_for(load: Loader, server: Counting) -> None:
    with load(Locustfile(READING, user="Patient", host=server.url), users=3) as run:
        run.hold(0.6)
    assert len(run.samples) == server.counts["/slow"] >= 3
    assert run.samples.error_rate == 0 and min(run.samples.latencies) >= 0.4


def test_what_is_never_answered_is_a_timeout_and_not_forgotten(load: Loader, server: Counting) -> None:
    with load(Locustfile(READING, user="Stuck", host=server.url), users=3, deadline=0.3) as run:
        run.hold(0.3)
    assert run.samples.failures == len(run.samples) == 3
    if sys.version_info >= (3, 11):  # Locust's client for 3.10 raises an AttributeError where its user is stopped
        assert run.samples.errors == {"timeout": 3}
    assert min(run.samples.latencies) >= 0.5 and run.in_flight == 0


def test_a_test_that_fails_does_not_wait_for_what_is_in_flight(load: Loader, server: Counting) -> None:
    with pytest.raises(ZeroDivisionError):
        with load(Locustfile(READING, user="Stuck", host=server.url), users=3) as run:
            wait_until(lambda: server.counts["/hang"] == 3, within=10, what="three requests")
            _ = 1 / 0
    assert len(run.samples) == 0 and run.elapsed < 8


def test_each_kind_of_failure_has_the_category_that_other_loads_give_it(load: Loader, server: Counting) -> None:
    with load(Locustfile(READING, user="Unlucky", host=server.url), users=2) as run:
        run.hold(0.5)
    assert set(run.samples.errors) == {"status 503", "reset", "refused", "check", "KeyError"}
    assert "the slots are missing" in run.examples["check"]
    assert "KeyError('slot')" in run.examples["KeyError"] and "reading.py" in run.examples["KeyError"]
    # A task that raises counts under the name of its user, from when it began.
    raised = run.samples.named("Unlucky")
    assert raised.error_rate == 1 and min(raised.latencies) > 0
    for path in ("/status/503", "/ok"):
        assert len(run.samples.named(f"GET {path}")) == server.counts[path]


def test_the_failures_of_requests_have_the_same_categories(load: Loader, server: Counting) -> None:
    with load(Locustfile(READING, user="PlainUnlucky", host=server.url), users=2) as run:
        run.hold(0.5)
    assert set(run.samples.errors) == {"status 503", "reset", "refused", "timeout"}


def test_the_windows_of_a_fault_are_those_of_any_run(load: Loader, server: Counting) -> None:
    with load(Locustfile(READING, user="Reader", host=server.url), users=4) as run:
        run.hold(0.4)
        struck = time.monotonic()
        server.stall(0.3)
        run.hold(0.3)
        healed = time.monotonic()
        run.hold(0.4)
    episode = Episode("server stalled", struck, Receipt(calls=1), healed=healed)
    before, during, after = run.before(episode), run.during(episode), run.after(episode)
    assert len(before) + len(during) + len(after) == len(run.samples)
    assert max(during.latencies) > 0.2 > before.p50 and len(after) > 10


def test_a_profile_says_how_many_users_are_at_work(load: Loader, server: Counting) -> None:
    profile = stairs(1, 8, each=0.7)
    with load(Locustfile(READING, user="Reader", host=server.url), users=profile) as run:
        run.finish()
    middle, end = run.began + 0.7, run.began + 1.4
    few, many = run.samples.between(run.began, middle), run.samples.between(middle + 0.2, end)
    assert many.finished > 3 * few.finished


def test_users_go_when_a_profile_comes_down(load: Loader, server: Counting) -> None:
    profile = steady(8, lasting=0.7) + ramp(1, 1, over=0.8)
    with load(Locustfile(READING, user="Reader", host=server.url, workers=2), users=profile) as run:
        run.finish()
    middle = run.began + 0.7
    many, few = run.samples.between(run.began + 0.2, middle), run.samples.between(middle + 0.3, middle + 0.8)
    assert few.finished < many.finished / 3
    assert len(run.samples) == server.counts["/ok"]


async def hold_async(run: Run) -> None:
    async with run:
        await run.ahold(0.4)


@pytest.mark.asyncio
async def test_an_async_test_drives_it_as_any_load(load: Loader, server: Counting) -> None:
    run = load(Locustfile(READING, user="Reader", host=server.url), users=2)
    await hold_async(run)
    assert len(run.samples) == server.counts["/ok"] > 5


def test_the_teardowns_of_the_file_are_run(load: Loader, server: Counting, load_janitor: Janitor) -> None:
    with load(Locustfile(READING, user="Reader", host=server.url, workers=1), users=1) as run:
        run.hold(0.3)
    assert "goodbye from MasterRunner" in logs(load_janitor, "master")
    assert "goodbye from WorkerRunner" in logs(load_janitor, "worker-1")


def test_nothing_of_locust_is_imported_here(load: Loader, server: Counting) -> None:
    before = {name for name in sys.modules if name.partition(".")[0] in {"gevent", "locust", "zmq"}}
    with load(Locustfile(READING, user="Reader", host=server.url), users=1) as run:
        run.hold(0.2)
    after = {name for name in sys.modules if name.partition(".")[0] in {"gevent", "locust", "zmq"}}
    assert after == before == set()
