"""A packet link is a link that can also lose packets: its faults bite, heal, and say what they did."""

from __future__ import annotations

import math
import socket
from collections.abc import Iterator

import pytest
from links_harness import Server, is_closed
from packet_harness import round_trip

from pytest_resilience.errors import FaultDidNotBite, FaultInForce, UsageError
from pytest_resilience.faults.fault import together
from pytest_resilience.janitor import Janitor
from pytest_resilience.links.packet_link import PacketLink
from pytest_resilience.links.packets.road import PacketRoad
from pytest_resilience.waiting import wait_until


class Ends:
    """A packet link to a service in the test's hands."""

    def __init__(self, server: Server, janitor: Janitor) -> None:
        self.service = socket.create_server(("127.0.0.1", 0))
        self.service.settimeout(5)
        self._sockets = [self.service]
        road = PacketRoad(janitor, "{}:{}".format(*self.service.getsockname()))
        self.link = PacketLink(server.client, "database", road, url="redis://me@127.0.0.1:6379/2")

    def connect(self, service: socket.socket | None = None) -> tuple[socket.socket, socket.socket]:
        client = socket.create_connection((self.link.host, self.link.port), timeout=10)
        ends = client, (service or self.service).accept()[0]
        self._sockets.extend(ends)
        for end in ends:
            end.settimeout(10)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return ends

    def close(self) -> None:
        self.link.close()
        for sock in self._sockets:
            sock.close()


@pytest.fixture(scope="module")
def packet_janitor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Janitor]:
    with Janitor.start(directory=tmp_path_factory.mktemp("janitor") / "state") as janitor:
        yield janitor


@pytest.fixture
def ends(link_server: Server, packet_janitor: Janitor) -> Iterator[Ends]:
    ends = Ends(link_server, packet_janitor)
    yield ends
    ends.close()


@pytest.fixture
def link(ends: Ends) -> PacketLink:
    return ends.link


def test_loss_is_counted_while_it_lasts_and_after(ends, link):
    client, service = ends.connect()
    with link.lossy(0.3) as loss:
        wait_until(lambda: round_trip(client, service) and loss.receipt.counts.get("segments_retransmitted"), within=20)
    counts = dict(loss.receipt.counts)
    assert counts["packets_seen"] > counts["packets_dropped"] > 0
    assert counts["segments_retransmitted"] > 0
    assert link.retransmitted >= counts["segments_retransmitted"]
    assert max(round_trip(client, service) for _ in range(20)) < 5
    assert loss.receipt.counts == counts  # the receipt is of the fault alone


def test_a_connection_outlives_a_partition(ends, link):
    client, service = ends.connect()
    with link.partitioned() as partition:
        client.sendall(b"held back")
        wait_until(lambda: partition.receipt.counts.get("segments_retransmitted", 0), within=5)
        service.settimeout(0.05)
        with pytest.raises(TimeoutError):
            service.recv(1)
    service.settimeout(10)
    assert service.recv(9) == b"held back"
    assert partition.receipt.counts["packets_dropped"] >= 2


def test_the_rate_is_limited_and_counted(ends, link):
    client, service = ends.connect()
    with link.narrowed(100_000, direction="upstream") as narrow:
        client.sendall(bytes(50_000))
        left = 50_000
        while left:
            left -= len(service.recv(left))
    assert narrow.receipt.counts["packets_held_back"] > 0


@pytest.mark.parametrize("fault", ["lossy", "partitioned", "narrowed"])
def test_a_fault_that_met_no_packet_did_not_bite(link, fault):
    argument = {"lossy": (0.5,), "partitioned": (), "narrowed": (100_000,)}[fault]
    with pytest.raises(FaultDidNotBite, match=f"database.{fault} touched nothing"), getattr(link, fault)(*argument):
        pass
    with getattr(link, fault)(*argument, optional=True) as episode:
        pass
    assert not episode.receipt.bit


def test_what_passed_and_was_not_dropped_is_no_bite(ends, link):
    client, service = ends.connect()
    with pytest.raises(FaultDidNotBite), link.lossy(0.000_001):
        round_trip(client, service)


def test_it_has_the_faults_of_a_link_at_the_same_time(ends, link):
    client, service = ends.connect()
    with together(link.lossy(0.000_001, optional=True), link.slowed(0.05)) as slow:
        assert round_trip(client, service) >= 0.1
    assert slow.receipt.counts["database.slowed.chunks_delayed"] == 2
    with link.severed() as cut:
        assert is_closed(client)
    assert cut.receipt.counts["connections_cut"] == 1
    assert round_trip(*ends.connect()) < 5


def test_a_fault_is_not_nested_in_itself_and_another_is(ends, link):
    client, service = ends.connect()
    with link.lossy(0.5, optional=True), link.partitioned(direction="upstream"):
        with pytest.raises(FaultInForce), link.lossy(0.1):
            pass
        client.sendall(b"?")
        wait_until(lambda: link.retransmitted, within=5)
    assert service.recv(1) == b"?"


def test_it_leads_elsewhere_at_the_same_port(ends, link):
    client, _ = ends.connect()
    port = link.port
    with socket.create_server(("127.0.0.1", 0)) as other:
        other.settimeout(5)
        target = f"127.0.0.1:{other.getsockname()[1]}"
        link.point_at(f"redis://{target}/3")
        assert is_closed(client)
        assert round_trip(*ends.connect(other)) < 5
    assert (link.port, link.url, link.upstream) == (port, f"redis://127.0.0.1:{port}/3", target)


def test_it_says_what_it_is(ends, link):
    target = "{}:{}".format(*ends.service.getsockname())
    assert repr(link) == f"<Link database: {link.address} -> {target}>"
    assert link.url == f"redis://me@{link.address}/2"


@pytest.mark.parametrize("share", [0, 1, 1.5, -0.1, math.nan, True, "0.1", None])
def test_a_share_is_above_0_and_below_1(link, share):
    with pytest.raises(UsageError, match="share="):
        link.lossy(share)


@pytest.mark.parametrize("direction", ["up", "", None, "Upstream", ["both"]])
def test_a_direction_is_one_of_three(link, direction):
    for fault in (
        lambda: link.lossy(0.1, direction=direction),
        lambda: link.partitioned(direction=direction),
        lambda: link.narrowed(1e6, direction=direction),
    ):
        with pytest.raises(UsageError, match="direction="):
            fault()


@pytest.mark.parametrize(
    ("rate", "queue"), [(0, 0.2), (999, 0.2), (2e9, 0.2), (math.inf, 0.2), (1e6, 0), (1e6, 11), (True, 0.2)]
)
def test_a_rate_and_its_queue_are_such_as_a_line_can_have(link, rate, queue):
    with pytest.raises(UsageError, match=r"narrowed: (rate|queue)="):
        link.narrowed(rate, queue=queue)
