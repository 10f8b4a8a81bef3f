"""The server as a child of the session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from pytest_resilience.errors import LinkServerError
from pytest_resilience.janitor import Janitor
from pytest_resilience.links.process import EmbeddedServer


@pytest.fixture
def janitor(tmp_path: Path) -> Iterator[Janitor]:
    janitor = Janitor.start(directory=tmp_path)
    yield janitor
    janitor.close()


def test_nothing_runs_until_it_is_needed_and_nothing_is_left(janitor, until):
    server = EmbeddedServer(janitor, seed=1)
    assert "not started" in repr(server)
    client = server.client
    assert client.version() == "2.12.0"
    assert server.client is client
    process = psutil.Process(server._child.pid)
    assert '"seed": 1' in server.logs()
    server.close()
    server.close()
    assert not process.is_running()
    assert janitor.close() == []


def test_a_server_that_has_died_is_reported_with_its_log(janitor):
    server = EmbeddedServer(janitor, seed=1)
    assert server.client
    server._child.process.kill()
    server._child.process.wait()
    with pytest.raises(LinkServerError, match=r"has died with status -9; its log says: .*Starting"):
        _ = server.client
    server.close()


def test_the_test_after_the_one_in_which_a_server_died_has_another(janitor):
    server = EmbeddedServer(janitor, seed=1)
    first = server.client
    server.ensure_fresh()
    assert server.client is first
    server._child.process.kill()
    server._child.process.wait()
    server.ensure_fresh()
    assert server.client.version()
    server.close()
    assert janitor.close() == []
