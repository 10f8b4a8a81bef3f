"""Load that shows nothing never passes: one run of pytest, as a user would write it, over the ways in which it could.

Each inner test holds its load against an objective that whoever does not look closely would call met.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from xml.etree import ElementTree as ET

import pytest

INNER = """
import os
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from pytest_resilience import SLO, Get, Locustfile, steady

LOADED = {"gevent", "locust"} & set(sys.modules)
EASY = SLO(p95=5, error_rate=0.9)
SPINNING = "import os, sys; os.sched_setaffinity(0, {int(sys.argv[1])})\\nwhile True: pass"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


async def nothing():
    pass


def test_importing_the_plugin():
    assert LOADED == set()


def test_what_is_well(server, load):
    with load(Get(server), rate=100) as run:
        run.hold(1)
    assert EASY.met_by(run.samples)


def test_zero_requests(server, load):
    with load(Get(server), rate=steady(0, lasting=60) + steady(100)) as run:
        run.hold(0.2)
    assert not run.samples.failures


def test_zero_requests_that_are_judged_inside(server, load):
    with load(Get(server), rate=steady(0, lasting=60) + steady(100)) as run:
        run.hold(0.2)
        assert EASY.met_by(run.samples)


def test_a_server_that_is_down(load):
    with load(Get("http://127.0.0.1:9/"), rate=200) as run:
        run.hold(1)
    assert EASY.met_by(run.samples)


def test_a_server_that_is_down_and_is_judged_by_its_latency(load):
    with load(Get("http://127.0.0.1:9/"), rate=400) as run:
        run.hold(1)
    assert SLO(p99=5).met_by(run.samples)


def test_a_killed_driver(server, load):
    with load(Get(server), rate=200, drivers=2) as run:
        run.hold(0.5)
        os.kill(run.pids[1], signal.SIGKILL)
        run.hold(1)
    assert EASY.met_by(run.samples)


def test_a_hundred_samples_for_a_p99(server, load):
    with load(Get(server), rate=steady(100, lasting=1)) as run:
        run.finish()
    assert len(run.samples) == 100
    assert SLO(p99=5).met_by(run.samples)


def test_a_driver_on_a_busy_core(load):
    spinners = []
    with load(nothing, rate=20_000) as run:
        run.hold(0.1)
        core = min(os.sched_getaffinity(run.pids[0]))
        try:
            for _ in range(12):  # each in a session of its own, so that the scheduler shares the core among all
                spinners.append(subprocess.Popen([sys.executable, "-ISc", SPINNING, str(core)], start_new_session=True))
            for thread in Path(f"/proc/{run.pids[0]}/task").iterdir():
                os.sched_setaffinity(int(thread.name), {core})
                os.setpriority(os.PRIO_PROCESS, int(thread.name), 19)
            run.hold(2)
        finally:
            for spinner in spinners:
                spinner.kill()
                spinner.wait()
    assert SLO(error_rate=0.5).met_by(run.samples)


def test_a_killed_locust_worker(server, load):
    with load(Locustfile("journeys.py", host=server, workers=2), users=4) as run:
        run.hold(0.5)
        os.kill(run.pids[2], signal.SIGKILL)
        run.hold(2)
    assert EASY.met_by(run.samples)


def test_a_locust_run_that_is_well(server, load):
    with load(Locustfile("journeys.py", host=server), users=4) as run:
        run.hold(1)
    assert EASY.met_by(run.samples)
    assert {"gevent", "locust"} & set(sys.modules) == set()
"""
JOURNEYS = """
from locust import FastHttpUser, constant, task

class Reader(FastHttpUser):
    wait_time = constant(0.01)

    @task
    def read(self):
        self.client.get("/")
"""

# By the inner test: what it fails with; None for one that passes, which shows that the others can.
EXPECTED = {
    "test_importing_the_plugin": None,
    "test_what_is_well": None,
    "test_zero_requests": "NoSamples: GET /, rate steady 0 for 60 s, then steady 100: not one call was made in",
    "test_zero_requests_that_are_judged_inside": "NoSamples: the run: there are no samples",
    "test_a_server_that_is_down": "missed: error_rate 100% > 90%",
    "test_a_server_that_is_down_and_is_judged_by_its_latency": "inconclusive: ",
    "test_a_killed_driver": "was killed by SIGKILL before the run did, so nothing may be judged",
    "test_a_hundred_samples_for_a_p99": "inconclusive: p99 of 100 samples cannot be known: 199 more needed",
    "test_a_driver_on_a_busy_core": "inconclusive: the generator was the limit",
    "test_a_killed_locust_worker": "DriverDied: the Locust worker 2",
    "test_a_locust_run_that_is_well": None,
}
LOCUST = {"test_a_killed_locust_worker", "test_a_locust_run_that_is_well"}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str | None]:
    """What each inner test failed with; None for one that passed."""
    place = tmp_path_factory.mktemp("vacuous")
    (place / "test_inner.py").write_text(INNER)
    (place / "journeys.py").write_text(JOURNEYS)
    # Locust has a plugin of pytest by itself, which imports it.
    plugins = ("-p", "no:cacheprovider", "-p", "no:locust", "-p", "no:asyncio")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-c", os.devnull, "--rootdir", ".", *plugins, "--resilience-backend=process",
         "--junit-xml=junit.xml", "test_inner.py"],
        cwd=place, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    junit = place / "junit.xml"
    assert junit.exists(), done.stdout + done.stderr
    found: dict[str, str | None] = {}
    for case in ET.parse(junit).getroot().iter("testcase"):
        problems = [*case.iter("failure"), *case.iter("error")]
        found[case.attrib["name"]] = problems[0].attrib["message"] if problems else None
    return found


@pytest.mark.parametrize("name", EXPECTED)
def test_what_shows_nothing_does_not_pass(outcomes: dict[str, str | None], name: str) -> None:
    if name in LOCUST and importlib.util.find_spec("locust") is None:
        pytest.skip("Locust is not installed")
    said, expected = outcomes[name], EXPECTED[name]
    assert (said is None) == (expected is None), said
    assert expected is None or (said is not None and expected in said), said


def test_every_way_is_looked_at(outcomes: dict[str, str | None]) -> None:
    assert list(outcomes) == list(EXPECTED)
