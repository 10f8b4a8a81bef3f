"""A running link server, and a road through it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator

import pytest
from echo_harness import echo_service
from links_harness import Road, Server
from twins import RealServer, Twins

from pytest_resilience.links.choice import PROGRAM, find_program
from pytest_resilience.links.link import Link
from pytest_resilience.options import Options
from pytest_resilience.waiting import wait_until


@pytest.fixture(scope="session")
def link_server() -> Iterator[Server]:
    server = Server("--seed", "11")
    yield server
    assert server.close() == 0


@pytest.fixture
def road(link_server: Server) -> Iterator[Road]:
    road = Road(link_server)
    yield road
    road.close()


@pytest.fixture(scope="session")
def twins(resilience_options: Options, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twins]:
    """The embedded server and the real one; the latter is required by --resilience-toxiproxy=server."""
    if resilience_options.toxiproxy != "server" and shutil.which(PROGRAM) is None:
        pytest.skip(f"no {PROGRAM} on PATH to compare with: .ci/toxiproxy.sh installs it")
    metrics = ("-proxy-metrics", "-runtime-metrics")
    real = RealServer(find_program(), tmp_path_factory.mktemp("real") / "log", *metrics)
    embedded = Server(*metrics)
    yield Twins(embedded, real)
    assert [embedded.close(), real.close()] == [0, 0]


@pytest.fixture
def clean_server(link_server: Server) -> Server:
    """The server without any proxy."""
    for name in link_server.client.proxies():
        link_server.client.delete(name)
    return link_server


@pytest.fixture
def until() -> Callable[[Callable[[], object]], object]:
    """Wait for a condition as long as a busy machine may need."""
    return lambda condition: wait_until(condition, within=5)


@pytest.fixture
def echo() -> Iterator[str]:
    """The address of a service that says what it is told."""
    with echo_service() as address:
        yield address


@pytest.fixture
def link(link_server: Server, echo: str) -> Iterator[Link]:
    """A link to that service."""
    link = Link(link_server.client, "echo", echo)
    yield link
    link.close()
