"""A packet road carries bytes through a cable in which packets get lost, and TCP sends them again."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from links_harness import falls_silent, is_closed, read_exactly
from packet_harness import BOTH, Stretch, round_trip

from pytest_resilience.errors import LinkServerError, Unsupported
from pytest_resilience.janitor import Janitor
from pytest_resilience.waiting import wait_until

MEGABYTE = bytes(range(256)) * 4096


@pytest.fixture(scope="module")
def packet_janitor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Janitor]:
    with Janitor.start(directory=tmp_path_factory.mktemp("janitor") / "state") as janitor:
        yield janitor


@contextmanager
def lossy(stretch: Stretch, share: float) -> Iterator[None]:
    """Lose packets of both directions for a while."""
    stretch.road.drop("lossy", share, BOTH)
    yield
    stretch.road.mend("lossy", BOTH)


@pytest.fixture
def stretch(packet_janitor: Janitor) -> Iterator[Stretch]:
    stretch = Stretch(packet_janitor)
    yield stretch
    stretch.close()


def test_bytes_get_through_both_ways_while_packets_get_lost(stretch):
    client, service = stretch.connect()
    with lossy(stretch, 0.02):
        for sender, receiver in ((client, service), (service, client)):
            sending = threading.Thread(target=sender.sendall, args=(MEGABYTE,))
            sending.start()
            assert read_exactly(receiver, len(MEGABYTE)) == MEGABYTE
            sending.join()
        lost = stretch.road.dropped("lossy", BOTH)
    assert 0.005 < lost.dropped / lost.seen < 0.06
    # Real packets: none holds more than what fits into 1,500 bytes.
    assert lost.seen > 2 * len(MEGABYTE) / 1500
    assert all(stretch.road.retransmitted().values())


def test_a_lost_packet_costs_a_retransmission_time_out(stretch):
    client, service = stretch.connect()
    quick = sorted(round_trip(client, service) for _ in range(20))
    with lossy(stretch, 0.2):
        times = []

        def sent_again():
            times.append(round_trip(client, service))
            return sum(stretch.road.retransmitted().values()) > 0

        wait_until(sent_again, within=20)
    assert quick[10] < 0.15  # most, as the machine may stall
    assert max(times) >= 0.2  # the least retransmission time-out of Linux


def test_what_is_sent_into_a_partition_arrives_after_it(stretch):
    client, service = stretch.connect()
    round_trip(client, service)
    stretch.road.drop("partitioned", 1, BOTH)
    client.sendall(b"anybody?")
    assert falls_silent(service)
    wait_until(lambda: stretch.road.dropped("partitioned", BOTH).dropped >= 3, within=10, what="two retransmissions")
    stretch.road.mend("partitioned", BOTH)
    assert read_exactly(service, 8) == b"anybody?"
    assert stretch.road.retransmitted()["upstream"] >= 2


def test_in_a_partition_tcp_tries_ever_more_rarely(stretch):
    client, service = stretch.connect()
    round_trip(client, service)
    stretch.road.drop("partitioned", 1, BOTH)
    client.sendall(b"?")
    tried = []
    for number in (2, 3, 4):  # the first is a probe of its own kind, which does not count towards the back-off
        wait_until(lambda number=number: stretch.road.retransmitted()["upstream"] >= number, within=10, every=0.01)
        tried.append(time.monotonic())
    second, third = tried[1] - tried[0], tried[2] - tried[1]
    assert 1.4 * second < third < 3 * second
    stretch.road.mend("partitioned", BOTH)
    assert service.recv(1) == b"?"


@pytest.mark.parametrize("direction", BOTH)
def test_a_partition_can_be_of_one_direction(stretch, direction):
    client, service = stretch.connect()
    round_trip(client, service)
    stretch.road.drop("partitioned", 1, [direction])
    sender, receiver = (client, service) if direction == "upstream" else (service, client)
    sender.sendall(b"a")
    receiver.sendall(b"b")
    assert sender.recv(1) == b"b"
    assert falls_silent(receiver)
    stretch.road.mend("partitioned", [direction])
    assert receiver.recv(1) == b"a"


def test_who_gives_up_connecting_in_a_partition_never_reaches_the_service(stretch):
    stretch.road.drop("partitioned", 1, BOTH)
    impatient = stretch.client()
    patient = stretch.client()
    impatient.close()
    wait_until(lambda: stretch.road.dropped("partitioned", BOTH).dropped >= 2, within=5, what="both to have tried")
    wait_until(lambda: sum(stretch.road.retransmitted().values()) >= 1, within=5, what="one to have tried again")
    stretch.road.mend("partitioned", BOTH)
    service = stretch.accept()
    assert round_trip(patient, service) < 5
    stretch.service.settimeout(0.3)
    with pytest.raises(TimeoutError):
        stretch.service.accept()


def test_the_rate_of_one_direction_is_limited(stretch):
    client, service = stretch.connect()
    part = MEGABYTE[:300_000]

    def seconds(sender: socket.socket, receiver: socket.socket) -> float:
        sending = threading.Thread(target=sender.sendall, args=(part,))
        began = time.monotonic()
        sending.start()
        assert read_exactly(receiver, len(part)) == part
        sending.join()
        return time.monotonic() - began

    stretch.road.narrow(500_000, 0.2, ["upstream"])
    slow, fast = seconds(client, service), seconds(service, client)
    met, _ = stretch.road.held_back(["upstream"])
    stretch.road.widen(["upstream"])
    assert 0.55 < slow < 2
    assert fast < slow / 2
    assert met > 0
    assert seconds(client, service) < slow / 2
    stretch.road.widen(BOTH)  # there is none


def test_the_end_of_a_stream_gets_through_and_the_other_half_stays_open(stretch):
    client, service = stretch.connect()
    client.sendall(b"that is all")
    client.shutdown(socket.SHUT_WR)
    assert read_exactly(service, 100) == b"that is all"
    service.sendall(b"thank you")
    service.close()
    assert read_exactly(client, 100) == b"thank you"


def test_a_reset_gets_through(stretch):
    client, service = stretch.connect()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    with pytest.raises(ConnectionResetError):
        service.recv(1)


def test_a_service_that_is_not_there_ends_the_connection(stretch):
    stretch.service.close()
    try:
        client = stretch.client()
    except ConnectionResetError:  # so soon that it shows in connect
        return
    assert is_closed(client)


def test_the_road_can_be_pointed_at_another_service(stretch):
    with socket.create_server(("127.0.0.1", 0)) as other:
        other.settimeout(5)
        old, _ = stretch.connect()
        stretch.road.point_at("{}:{}".format(*other.getsockname()))
        client = stretch.client()
        service, _ = other.accept()
        with service:
            assert round_trip(client, service) < 5
    assert is_closed(old)


def test_a_hundred_connections_are_carried_side_by_side(stretch):
    stretch.service.listen(200)
    clients = [stretch.client() for _ in range(100)]
    for number, client in enumerate(clients):
        client.sendall(bytes([number]))
    services = [stretch.accept() for _ in clients]
    by_number = {service.recv(1)[0]: service for service in services}
    assert sorted(by_number) == list(range(100))
    for number, client in enumerate(clients):
        assert round_trip(client, by_number[number]) < 5


def test_two_rules_are_held_and_healed_each_on_its_own(stretch):
    client, service = stretch.connect()
    with lossy(stretch, 0.000_001):
        stretch.road.drop("partitioned", 1, ["upstream"])
        client.sendall(b"?")
        assert falls_silent(service)
        stretch.road.mend("partitioned", ["upstream"])
        stretch.road.mend("partitioned", ["upstream"])
        assert service.recv(1) == b"?"
        assert stretch.road.dropped("lossy", BOTH).seen > 0


def test_what_the_firewall_refuses_is_an_error_with_its_words_and_leaves_nothing(stretch):
    with pytest.raises(LinkServerError, match="nft|iptables"):
        stretch.road.drop("no word", 1, BOTH)
    with pytest.raises(LinkServerError, match="ever struck"):
        stretch.road.dropped("ever struck", BOTH)
    client, service = stretch.connect()
    assert round_trip(client, service) < 5


def test_where_the_rate_cannot_be_limited_it_says_so(stretch, monkeypatch):
    def refuse(**question):
        raise LinkServerError("tc qdisc replace: Error: Specified qdisc kind is unknown.")

    monkeypatch.setattr(stretch.road, "_ask", refuse)
    with pytest.raises(Unsupported, match=r"qdisc kind is unknown.*sch_tbf"):
        stretch.road.narrow(1000, 0.1, BOTH)


def test_a_road_that_has_died_says_so(stretch):
    stretch.road._child.process.kill()
    stretch.road._child.process.wait(5)
    with pytest.raises(LinkServerError, match=f"the packet road to {stretch.target} (is gone|has ended)"):
        stretch.road.retransmitted()


def test_the_log_of_a_road_is_empty(stretch, packet_janitor):
    client, service = stretch.connect()
    round_trip(client, service)
    client.close()
    stretch.close()
    assert [log.read_text() for log in Path(packet_janitor.directory).glob("packets-*.log") if log.read_text()] == []
