"""A janitor, and a server in a process of its own, for the tests of load."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import load_server
import pytest

from pytest_resilience.janitor import Janitor


@dataclass(frozen=True)
class Server:
    url: str
    pid: int


@pytest.fixture(scope="session")
def load_janitor() -> Iterator[Janitor]:
    janitor = Janitor.start()
    yield janitor
    assert janitor.close() == []


@pytest.fixture
def server(load_janitor: Janitor) -> Iterator[Server]:
    with load_server.listen() as listener:
        port = listener.getsockname()[1]
        os.set_inheritable(listener.fileno(), True)
        argv = [sys.executable, str(Path(load_server.__file__)), str(listener.fileno())]
        child = load_janitor.launch(argv, pass_fds=(listener.fileno(),))
    yield Server(f"http://127.0.0.1:{port}", child.process.pid)
    child.process.kill()
    child.process.wait()
    child.promise.kept()
