"""The options of Locust, and what its presence does to a run of pytest."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_resilience.errors import UsageError
from pytest_resilience.options import Option, Options, resolve


def resolved(**given: str) -> Options:
    def answer(option: Option) -> str | None:
        return given.get(option.name.replace("-", "_"))

    return resolve(answer, fresh_seed=lambda: 7)


def pytest_run(folder: Path, *words: str) -> str:
    argv = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-W", "error", "-p", "no:asyncio"]
    done = subprocess.run([*argv, "--resilience-backend=process", *words], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_workers_join_at_a_port_of_locust_s_own_unless_another_is_said() -> None:
    assert resolved(locust_bind="10.0.0.7").locust_bind == ("10.0.0.7", 5557)
    assert resolved(locust_bind="build-1.test:7000").locust_bind == ("build-1.test", 7000)


def test_the_token_is_another_one_in_each_session() -> None:
    first, second = resolved(locust_bind="10.0.0.7"), resolved(locust_bind="10.0.0.7")
    assert len(first.locust_token) >= 16 and first.locust_token != second.locust_token


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"locust_workers": "two"}, "--resilience-locust-workers=two: expected a whole number, zero or more"),
        ({"locust_workers": "-1"}, "--resilience-locust-workers=-1: expected a whole number"),
        ({"locust_bind": "0.0.0.0"}, "--resilience-locust-bind=0.0.0.0: expected HOST or HOST:PORT"),
        ({"locust_bind": "10.0.0.7:80"}, "a port from 1024 to 65534"),
        ({"locust_bind": "10.0.0.7:65535"}, "a port from 1024 to 65534"),
        ({"locust_bind": "http://10.0.0.7"}, "expected HOST or HOST:PORT"),
    ],
)
def test_what_cannot_be_meant_is_refused(given: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        resolved(**given)
    assert message in str(caught.value)


def test_the_header_says_what_to_run_for_a_remote_worker(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("def test_it():\n    pass\n")
    said = pytest_run(tmp_path, "--resilience-locust-bind=127.0.0.1:6000")
    assert "python -m pytest_resilience.load.driver.locust_join 127.0.0.1:6001 " in said


@pytest.mark.skipif(importlib.util.find_spec("locust") is None, reason="Locust is not installed")
def test_a_run_of_pytest_that_uses_locust_loads_nothing_of_it(tmp_path: Path) -> None:
    (tmp_path / "journeys.py").write_text(
        "from locust import FastHttpUser, constant, task\n"
        "class Reader(FastHttpUser):\n"
        "    wait_time = constant(0.01)\n"
        "    @task\n"
        "    def read(self):\n"
        "        self.client.get('/')\n"
    )
    (tmp_path / "test_it.py").write_text(
        "import sys\n"
        "from pytest_resilience import Locustfile\n"
        "def test_it(load, service):\n"
        "    app = service(sys.executable, '-m', 'http.server', '{port}', '--bind', '127.0.0.1', ready='/')\n"
        "    with load(Locustfile('journeys.py', host=app.url), users=2) as run:\n"
        "        run.hold(0.3)\n"
        "    assert len(run.samples) > 3 and len(run.pids) == 2\n"
        "    loaded = {name.partition('.')[0] for name in sys.modules}\n"
        "    assert not loaded & {'gevent', 'greenlet', 'locust', 'zmq', 'geventhttpclient'}\n"
    )
    assert "1 passed" in pytest_run(tmp_path, "--resilience-locust-workers=1")
