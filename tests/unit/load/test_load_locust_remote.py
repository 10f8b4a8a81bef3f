"""Remote workers: started by hand with the command that the header shows, they join one run after the other."""

from __future__ import annotations

import importlib.util
import os
import shlex
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from counting_server import Counting, counting_server

from pytest_resilience.errors import DriverDied, SetupFailed, UsageError
from pytest_resilience.janitor import Janitor
from pytest_resilience.load import locust_crew
from pytest_resilience.load.driver.locust_join import clock_offset, frames_of, join
from pytest_resilience.load.driver.locust_wire import pack
from pytest_resilience.load.loader import Loader
from pytest_resilience.load.locust_remote import Door, Site
from pytest_resilience.load.locust_run import LocustSettings
from pytest_resilience.load.locustfile import Locustfile
from pytest_resilience.options import Options

READING = Path(__file__).with_name("journeys") / "reading.py"
SOURCE = Path(importlib.util.find_spec("pytest_resilience").origin).parents[1]  # type: ignore[union-attr,arg-type]
needs_locust = pytest.mark.skipif(importlib.util.find_spec("locust") is None, reason="Locust is not installed")


@pytest.fixture
def server() -> Iterator[Counting]:
    with counting_server() as server:
        yield server


@pytest.fixture
def site() -> Site:
    for port in range(20_000 + os.getpid() % 10_000, 60_000, 2):
        try:
            with socket.create_server(("127.0.0.1", port)), socket.create_server(("127.0.0.1", port + 1)):
                return Site("127.0.0.1", port, "a-token")
        except OSError:
            continue
    raise AssertionError("no two free ports")


@pytest.fixture
def load(load_janitor: Janitor, site: Site, monkeypatch: pytest.MonkeyPatch) -> Loader:
    monkeypatch.chdir(READING.parents[1])
    return Loader(load_janitor, seed=7, allowed=Options().check_target, locust=LocustSettings(2, site))


@pytest.fixture
def joined(load_janitor: Janitor, site: Site) -> Iterator[list[int]]:
    """Two workers, started as a person would, in a checkout of the project."""
    argv = [sys.executable, *shlex.split(site.command)[1:]]
    env = {**os.environ, "PYTHONPATH": str(SOURCE)}
    children = [load_janitor.launch(argv, env=env, cwd=READING.parents[1]) for _ in range(2)]
    yield [child.pid for child in children]
    for child in children:
        os.killpg(child.pid, signal.SIGKILL)
        child.process.wait()
        child.promise.kept()


@needs_locust
def test_remote_workers_join_one_run_after_the_other(load: Loader, server: Counting, joined: list[int]) -> None:
    for _ in range(2):
        server.counts.clear()
        with load(Locustfile(READING, user="Reader", host=server.url), users=4) as run:
            while server.counts["/ok"] <= 20:
                run.hold(0.2)
        assert len(run.samples) == server.counts["/ok"]
        assert set(run.pids[1:]) == set(joined)
        # Their clock is this one, and so the times are.
        assert all(run.began <= one.due < one.done <= run.began + run.elapsed for one in run.samples)


@needs_locust
def test_a_remote_worker_that_is_lost_ends_the_run(load: Loader, server: Counting, joined: list[int]) -> None:
    with pytest.raises(DriverDied, match=r"Locust worker \d on .* was lost before the run did"):
        with load(Locustfile(READING, user="Reader", host=server.url), users=4) as run:
            run.hold(0.3)
            os.killpg(joined[0], signal.SIGKILL)
            run.hold(30)


@needs_locust
def test_workers_that_do_not_join_are_asked_for_by_their_command(
    load: Loader, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locust_crew, "JOIN", 0.3)
    run = load(Locustfile(READING, user="Reader", host="http://127.0.0.1:9"), users=1)
    with pytest.raises(SetupFailed, match=r"(?s)0 of 2 remote Locust workers have joined; run this.*" + site.command):
        run.__enter__()


@needs_locust
def test_a_file_that_the_others_cannot_have_is_refused(load: Loader, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("")
    with pytest.raises(UsageError, match="run pytest where the project begins"):
        load(Locustfile(file), users=1)


def test_a_port_that_is_taken_is_told(site: Site) -> None:
    door = Door(site)
    with pytest.raises(UsageError, match=rf"port {site.port + 1} cannot be bound"):
        Door(site)
    door.close()


def test_nobody_joins_without_the_token(site: Site) -> None:
    door = Door(site)
    try:
        stranger = socket.create_connection((site.host, site.port + 1))
        stranger.sendall(pack({"kind": "hello", "token": "guessed", "pid": 1, "host": "elsewhere"}))
        babbler = socket.create_connection((site.host, site.port + 1))
        babbler.sendall(b"GET / HTTP/1.1\r\n\r\n")
        friend = socket.create_connection((site.host, site.port + 1))
        friend.sendall(pack({"kind": "hello", "token": "a-token", "pid": 7, "host": "here"}))
        guest = door.admit(float("inf"), heard=0, wanted=1)
        assert (guest.pid, guest.host) == (7, "here")
        assert stranger.recv(1) == b"" and babbler.recv(1) == b""
        for end in (stranger, babbler, friend, guest.end):
            end.close()
    finally:
        door.close()


def test_a_worker_that_finds_nobody_tries_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert join("127.0.0.1", port, "a-token") is None


def test_the_fastest_exchange_says_what_the_other_clock_shows() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for _ in range(8):
            theirs.sendall(pack({"kind": "clock", "now": 5_000_000.0}))
        ahead = clock_offset(ours, frames_of(ours), "a-token")
    assert ahead > 1_000_000
