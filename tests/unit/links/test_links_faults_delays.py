"""The faults that hold or reshape data: each bites, says what it touched, and lets go when it heals."""

from __future__ import annotations

import math
import socket
import threading
import time

import pytest
from echo_harness import ask, connect
from links_harness import falls_silent, is_closed, read_exactly

from pytest_resilience.errors import UsageError


def test_a_frozen_link_holds_bytes_back_and_releases_them_when_it_heals(link):
    with connect(link) as end:
        with link.frozen() as fault:
            end.sendall(b"held")
            assert falls_silent(end)
            assert fault.receipt.counts == {"connections_frozen": 1, "chunks_held": 1, "bytes_held": 4}
        assert read_exactly(end, 4) == b"held"
        ask(end)


def test_a_frozen_link_accepts_connections_and_answers_them_when_it_heals(link):
    with link.frozen():
        end = connect(link)
        end.sendall(b"hello")
        assert falls_silent(end)
    assert read_exactly(end, 5) == b"hello"
    end.close()


def test_a_frozen_link_holds_the_closing_too(road):
    from pytest_resilience.links.toxiproxy import Toxic

    client, service = road.connect()
    toxic = road.client.add_toxic(road.name, Toxic("f", "bandwidth", attributes={"rate": 0, "holding": 1}))
    service.sendall(b"last words")
    service.close()
    assert falls_silent(client)
    road.remove(toxic)
    assert read_exactly(client, 99) == b"last words"
    assert is_closed(client)


def test_what_a_frozen_link_loses_closes_the_connections_that_it_belonged_to_and_no_others(link):
    with connect(link) as idle, connect(link) as busy:
        ask(idle)
        ask(busy)
        with link.frozen(losing=True) as fault:
            busy.sendall(b"lost")
            assert falls_silent(busy)
        assert busy.recv(9) == b""
        ask(idle)
    assert fault.receipt.counts == {"connections_frozen": 1, "chunks_lost": 1, "bytes_lost": 4}


def test_a_frozen_direction_leaves_the_other_alone(road):
    from pytest_resilience.links.toxiproxy import Toxic

    client, service = road.connect()
    toxic = road.client.add_toxic(road.name, Toxic("f", "bandwidth", "upstream", attributes={"rate": 0, "holding": 1}))
    client.sendall(b"held")
    service.sendall(b"through")
    assert read_exactly(client, 7) == b"through"
    assert falls_silent(service)
    road.remove(toxic)
    assert read_exactly(service, 4) == b"held"


def test_a_throttled_link_takes_the_time_of_its_rate(link):
    with connect(link) as end, link.throttled(100_000, direction="downstream") as fault:
        assert 0.2 <= ask(end, b"x" * 20_000) < 2
    assert fault.receipt.counts["bytes_throttled"] == 20_000


def test_a_sliced_link_sends_small_pieces(link):
    with connect(link) as end, link.sliced(100, delay=0.001, direction="downstream") as fault:
        end.sendall(bytes(1000))
        first = len(end.recv(1000))
        assert first <= 100
        assert len(read_exactly(end, 1000 - first)) == 1000 - first
    assert fault.receipt.counts["bytes_sliced"] == 1000


def test_closing_is_slow_and_data_is_not(link):
    service = socket.create_server(("127.0.0.1", 0))
    link.point_at("{}:{}".format(*service.getsockname()))
    with connect(link) as end, link.slow_closing(0.2, direction="downstream") as fault:
        there = service.accept()[0]
        there.sendall(b"bye")
        assert read_exactly(end, 3) == b"bye"
        assert fault.receipt.counts == {"closings_delayed": 0}
        began = time.monotonic()
        there.close()
        assert end.recv(1) == b""
        assert time.monotonic() - began >= 0.2
    assert fault.receipt.counts == {"closings_delayed": 1}
    service.close()


def test_a_closing_that_still_waits_when_it_heals_is_counted_and_done(link):
    service = socket.create_server(("127.0.0.1", 0))
    link.point_at("{}:{}".format(*service.getsockname()))
    with connect(link) as end:
        with link.slow_closing(60) as fault:
            service.accept()[0].close()
            assert falls_silent(end)
            assert fault.receipt.counts == {"closings_delayed": 1}
        assert end.recv(1) == b""
    service.close()


def test_any_toxic_can_be_put_on(link):
    with connect(link) as end, link.toxic("latency", {"latency": 30.0}) as fault:
        assert ask(end) >= 0.03
    counts = {"connections_met": 1, "chunks_taken": 1, "bytes_taken": 4, "connections_closed": 0}
    assert fault.receipt.counts == counts


@pytest.mark.parametrize(
    ("kind", "attributes", "message"),
    [
        ("nonsense", {}, r"echo\.toxic\(nonsense\): the link server refuses 'nonsense'.*invalid toxic type"),
        ("latency", {"first": 2**70}, "cannot unmarshal number"),
    ],
)
def test_a_toxic_that_the_server_does_not_take_is_a_mistake_of_the_test(link, kind, attributes, message):
    with pytest.raises(UsageError, match=message), link.toxic(kind, attributes):
        pass


def test_faults_of_different_kinds_work_together(link):
    with connect(link) as end:
        with link.slowed(0.02) as slow, link.throttled(1_000_000) as narrow, link.sliced(1000) as small:
            assert ask(end, bytes(4000)) >= 0.04
        ask(end)
    assert all(each.receipt.bit for each in (slow, narrow, small))


def test_a_freeze_under_back_pressure_heals_at_once_and_loses_nothing(link):
    data = bytes(3_000_000)
    with connect(link) as end:
        with link.frozen(direction="upstream"):
            sending = threading.Thread(target=end.sendall, args=(data,))
            sending.start()
            assert falls_silent(end)
        assert len(read_exactly(end, len(data))) == len(data)
        sending.join()


@pytest.mark.parametrize(
    ("misuse", "message"),
    [
        (lambda link: link.throttled(999), "rate=999 must be bytes a second, 1,000 or more"),
        (lambda link: link.throttled(math.nan), "rate=nan must be bytes a second"),
        (lambda link: link.sliced(0), "size=0 must be a whole number, 1 or more"),
        (lambda link: link.sliced(10, variation=10), "variation=10 must be below the size, 10"),
        (lambda link: link.sliced(10, delay=-1), "delay=-1 must be seconds"),
        (lambda link: link.slow_closing(0), "delay=0 must be at least 0.001 seconds"),
        (lambda link: link.frozen(direction="sideways"), "echo.frozen: direction='sideways' must be one of"),
        (lambda link: link.toxic(""), "'' must be the type of a toxic"),
        (lambda link: link.toxic("latency", {"latency": 1.5}), "latency=1.5 must be a whole number"),
    ],
)
def test_what_cannot_be_meant_is_refused_when_it_is_said(link, misuse, message):
    with pytest.raises(UsageError) as refusal:
        misuse(link)
    assert message in str(refusal.value)
