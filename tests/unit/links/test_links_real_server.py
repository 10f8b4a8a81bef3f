"""The real Toxiproxy behind links: on PATH, in a container, at an address; and what can be known of it."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from echo_harness import ask, connect
from twins import Twins

from pytest_resilience.errors import BackendUnavailable, FaultDidNotBite, LinkServerError, UsageError
from pytest_resilience.janitor import Janitor
from pytest_resilience.links.choice import describe, link_server
from pytest_resilience.links.elsewhere import ServerElsewhere
from pytest_resilience.links.host import LinkServer
from pytest_resilience.links.lent import lent
from pytest_resilience.links.link import Link
from pytest_resilience.links.observed import ObservedToxiproxy
from pytest_resilience.links.process import EmbeddedServer, ToxiproxyServer, arguments
from pytest_resilience.measure.sockets import at_port
from pytest_resilience.options import Options
from pytest_resilience.services.docker_probe import docker_available
from pytest_resilience.services.ports import lease_port
from pytest_resilience.services.tool import start_tool

IMAGE = "pytest-resilience/toxiproxy:local"


@pytest.fixture(scope="module")
def janitor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Janitor]:
    janitor = Janitor.start(directory=tmp_path_factory.mktemp("janitor"))
    yield janitor
    assert janitor.close() == []


def no_image(ends: object) -> object:
    raise AssertionError("no image was asked for")


@contextmanager
def served(janitor: Janitor, twins: Twins, kind: str) -> Iterator[LinkServer]:
    asked = {"address": f"http://127.0.0.1:{twins.real.port}", "ours": f"http://127.0.0.1:{twins.embedded.port}"}
    options = Options(toxiproxy=asked.get(kind, kind))

    def start_image(ends):
        return start_tool(janitor, ends, "toxiproxy", IMAGE, arguments)

    server = link_server(options, janitor, lease=lease_port, start_image=start_image if kind == "docker" else no_image)
    yield server
    server.close()


@pytest.fixture(
    scope="module", params=["embedded", "server", pytest.param("docker", marks=pytest.mark.docker), "address", "ours"]
)
def server(
    request: pytest.FixtureRequest, janitor: Janitor, twins: Twins, resilience_options: Options
) -> Iterator[LinkServer]:
    if request.param == "docker" and not (docker := docker_available((IMAGE,), pull_within=0)):
        missing = f"no image {IMAGE}; make it with: python .ci/images.py toxiproxy"
        reason = missing if docker.missing else docker.reason
        (pytest.fail if resilience_options.backend == "docker" else pytest.skip)(reason)
    with served(janitor, twins, request.param) as server:
        yield server


@pytest.fixture
def road(server: LinkServer, echo: str) -> Iterator[Link]:
    link = Link(server.client, "road", echo)
    yield link
    link.close()


def test_a_slowed_link_says_whom_it_slowed(road: Link) -> None:
    with connect(road) as end:
        ask(end)
        with road.slowed(0.05) as delay:
            assert ask(end) >= 0.1
        assert delay.receipt.counts["connections_slowed"] == 1
        assert delay.receipt.counts["bytes_delayed"] > 0
        assert min(ask(end) for _ in range(5)) < 0.1  # of several, as the machine may stall


def test_a_fault_on_an_idle_connection_did_not_bite(road: Link) -> None:
    with connect(road) as end:
        ask(end)
        with pytest.raises(FaultDidNotBite), road.slowed(0.05):
            pass


def test_a_severed_link_cuts_and_refuses_and_comes_back_at_its_port(road: Link) -> None:
    with connect(road) as end:
        ask(end)
        with road.severed() as partition:
            for _ in range(2):
                with pytest.raises(ConnectionRefusedError):
                    connect(road)
            assert end.recv(1) == b""
    counts = partition.receipt.counts
    assert counts["connections_cut"] == 1
    assert max(counts.get(name, 0) for name in ("connections_refused", "connects_failed_on_host")) >= 2
    with connect(road) as end:
        ask(end)


def test_a_silently_severed_link_bites(road: Link) -> None:
    with connect(road, timeout=0.1) as end:
        ask(end)
        with road.severed(silently=True, direction="downstream") as partition:
            end.sendall(b"hello?")
            with pytest.raises(TimeoutError):
                end.recv(1)
    assert partition.receipt.counts["connections_silenced"] == 1


def test_traffic_counts_bytes_while_connections_live(road: Link) -> None:
    with connect(road) as one, connect(road) as two:
        for end in (one, two):
            ask(end)
        traffic = road.traffic
    assert (traffic.connections, traffic.open) == (2, 2)
    assert traffic.bytes_up == traffic.bytes_down > 0


def test_connections_that_come_and_go_between_two_looks_leave_their_bytes(road: Link, server: LinkServer) -> None:
    with road.slowed(0.01) as delay:
        for _ in range(3):
            with connect(road) as end:
                ask(end)
    counts = delay.receipt.counts
    assert counts["bytes_delayed"] > 0
    if server.logs() or not isinstance(server.client, ObservedToxiproxy):  # else nobody has seen them
        assert counts["connections_slowed"] == 3


def test_what_only_the_embedded_server_can_do_is_refused_elsewhere(road: Link, server: LinkServer) -> None:
    counted = road.slowed(0.01, first=1)
    with connect(road) as end:
        if not isinstance(server.client, ObservedToxiproxy):
            with counted:
                ask(end)
            return
        with pytest.raises(UsageError, match="first is beyond what the Toxiproxy in use can do"), counted:
            pass
        assert server.client.proxy("road").toxics == ()


def test_a_link_leads_elsewhere_at_the_same_port(road: Link) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, connect(road) as old:
        ask(old)
        before = road.port
        road.point_at(f"127.0.0.1:{other.getsockname()[1]}")
        assert old.recv(1) == b""
        with connect(road), other.accept()[0]:
            assert road.port == before


def test_the_python_client_is_lent_and_leaves_no_proxy(server: LinkServer, echo: str) -> None:
    from toxiproxy.api import APIConsumer

    before = APIConsumer.host, APIConsumer.port
    with lent(server.client) as client:
        assert (APIConsumer.host, APIConsumer.port) == (server.client.host, server.client.port)
        proxy = client.create(echo, "mine")
        client.populate([{"name": "second", "upstream": echo, "listen": "127.0.0.1:0"}])
        client.create(echo, "third")
        client.get_proxy("third").destroy()
        proxy.add_toxic(type="latency", attributes={"latency": 60})
        assert list(proxy.toxics()) == ["latency_downstream"]
        with socket.create_connection(proxy.listen.rsplit(":", 1), timeout=5) as end:
            assert ask(end) >= 0.06
        with proxy.down(), pytest.raises(ConnectionRefusedError):
            socket.create_connection(proxy.listen.rsplit(":", 1), timeout=5)
        assert set(client.proxies()) >= {"mine", "second"}
    assert not {"mine", "second", "third"} & set(server.client.proxies())
    assert (APIConsumer.host, APIConsumer.port) == before


def test_each_kind_of_server_is_what_it_says(janitor: Janitor, twins: Twins) -> None:
    kinds = {"auto": EmbeddedServer, "embedded": EmbeddedServer, "server": ToxiproxyServer, "address": ServerElsewhere}
    for kind, expected in kinds.items():
        with served(janitor, twins, kind) as server:
            assert type(server) is expected
            assert "not started" in repr(server)
    assert "toxiproxy-server version 2.12.0" in describe(Options(toxiproxy="server"))


def test_a_real_server_that_has_died_is_reported_with_its_log(janitor: Janitor, twins: Twins) -> None:
    with served(janitor, twins, "server") as server:
        assert server.client.version() == "2.12.0"
        server._child.process.kill()
        server._child.process.wait()
        with pytest.raises(LinkServerError, match="has died with status -9; its log says: .*Starting Toxiproxy"):
            _ = server.client


def test_a_server_that_is_not_on_path_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BackendUnavailable, match="there is no toxiproxy-server on PATH; install it"):
        describe(Options(toxiproxy="server"))


def test_an_address_where_nobody_answers_is_an_error() -> None:
    with lease_port() as lease:
        server = ServerElsewhere("127.0.0.1", lease.port, within=0.1)
        server_client = Options(toxiproxy=f"http://127.0.0.1:{lease.port}")
        assert describe(server_client) == f"links by the Toxiproxy at http://127.0.0.1:{lease.port}"
        began = time.monotonic()
        with pytest.raises(LinkServerError, match=r"no Toxiproxy answers at 127.0.0.1:\d+; is it running\?"):
            _ = server.client
        assert time.monotonic() - began < 10


def test_the_kernel_says_what_a_connection_has_carried() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with socket.create_connection(listener.getsockname()) as client, listener.accept()[0] as service:
            client.sendall(b"x" * 1000)
            service.recv(1000, socket.MSG_WAITALL)
            service.sendall(b"y" * 20)
            client.recv(20, socket.MSG_WAITALL)
            (end,) = at_port(listener.getsockname()[1])
            assert end.peer == client.getsockname()
            assert (end.received, end.sent) == (1000, 20)
        assert at_port(listener.getsockname()[1]) == []
