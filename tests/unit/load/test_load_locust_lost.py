"""What is lost: a Locust process that dies, a gap, a worker that cannot keep up. None of it passes."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from counting_server import Counting, counting_server

from pytest_resilience.errors import DriverDied, DriverSaturated
from pytest_resilience.janitor import Janitor
from pytest_resilience.load.driver.locust_effort import Effort
from pytest_resilience.load.loader import Loader
from pytest_resilience.load.locust_strain import BusiestWorker
from pytest_resilience.load.locustfile import Locustfile
from pytest_resilience.measure.slo import SLO
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


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize(("victim", "name"), [(0, "Locust master"), (2, "Locust worker 2")])
def test_a_process_that_is_killed_ends_the_run_at_once(load: Loader, server: Counting, victim: int, name: str) -> None:
    run = load(Locustfile(READING, user="Reader", host=server.url, workers=2), users=4)
    with pytest.raises(DriverDied, match=rf"the {name} \(process \d+\) was killed by SIGKILL before the run did"):
        with run:
            run.hold(0.3)
            os.kill(run.pids[victim], signal.SIGKILL)
            killed = time.monotonic()
            run.hold(30)
    assert time.monotonic() - killed < 5
    assert not any(alive(pid) for pid in run.pids)


def test_a_worker_that_is_killed_and_not_noticed_before_the_end_is_noticed_there(
    load: Loader, server: Counting
) -> None:
    with pytest.raises(DriverDied, match="Locust worker 1"):
        with load(Locustfile(READING, user="Reader", host=server.url, workers=2), users=4) as run:
            run.hold(0.3)
            os.kill(run.pids[1], signal.SIGKILL)


def test_a_worker_that_hangs_ends_the_run_when_it_has_had_its_time(load: Loader, server: Counting) -> None:
    run = load(Locustfile(READING, user="Reader", host=server.url), users=2, deadline=0.2)
    with pytest.raises(DriverDied, match="Locust did not finish within"):
        with run:
            run.hold(0.3)
            os.kill(run.pids[0], signal.SIGSTOP)
    assert not alive(run.pids[0])


def test_a_file_that_quits_by_itself_has_not_done_the_run(load: Loader, server: Counting, tmp_path: Path) -> None:
    file = tmp_path / "quitting.py"
    file.write_text(
        "from locust import FastHttpUser, task\n"
        "class Quitter(FastHttpUser):\n"
        "    @task\n"
        "    def leave(self):\n"
        "        self.client.get('/ok')\n"
        "        self.environment.runner.quit()\n"
    )
    with pytest.raises(DriverDied, match="ended with status 0 before the run did"):
        with load(Locustfile(file, host=server.url), users=1) as run:
            run.hold(20)


def test_nothing_is_left_of_the_processes_of_a_run(load: Loader, server: Counting, load_janitor: Janitor) -> None:
    with load(Locustfile(READING, user="Reader", host=server.url, workers=2), users=2) as run:
        run.hold(0.2)
    shown = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout
    assert not [line for line in shown.splitlines() if "locust_main" in line and str(os.getpid()) in line]
    assert not any(alive(pid) for pid in run.pids)


def test_a_worker_that_cannot_keep_up_leaves_nothing_to_be_judged(load: Loader, server: Counting) -> None:
    with load(Locustfile(READING, user="Busy", host=server.url), users=4) as run:
        run.hold(1)
    assert SLO(error_rate=0.5).met_by(run.samples).inconclusive
    with pytest.raises(DriverSaturated, match="of its core and its loop woke"):
        _ = run.samples.p50


def test_what_a_worker_waited_for_a_core_counts_as_what_it_used(tmp_path: Path) -> None:
    schedstat = tmp_path / "schedstat"
    schedstat.write_text("5 1000000000 7\n")
    effort = Effort(schedstat)
    schedstat.write_text("5 61000000000 7\n")
    assert effort.share() > 10  # a minute of waiting, in no time
    assert effort.share() < 2
    # Where the kernel does not tell, usage alone has to do.
    assert 0 <= Effort(tmp_path / "none").share() < 2


def test_the_strain_of_several_workers_is_that_of_the_busiest() -> None:
    strain = BusiestWorker()
    assert strain.merged(0, [(1.0, 0.2, 0.001)]) == ((1.0, 0.2, 0.001),)
    assert strain.merged(1, [(1.05, 0.99, 0.050)]) == ()
    assert strain.merged(0, [(1.1, 0.3, 0.002)]) == ((1.1, 0.99, 0.050),)
