"""Data through a running server: toxics on live connections, back-pressure, and closing."""

from __future__ import annotations

import hashlib
import os
import socket
import threading
import time

import pytest
from links_harness import falls_silent, is_closed, read_exactly

MEGABYTE = 1_000_000


def round_trip(client, service) -> float:
    began = time.monotonic()
    client.sendall(b"ping")
    assert read_exactly(service, 4) == b"ping"
    service.sendall(b"pong")
    assert read_exactly(client, 4) == b"pong"
    return time.monotonic() - began


def test_what_goes_in_comes_out_in_both_directions(road):
    client, service = road.connect()
    for sender, receiver in ((client, service), (service, client)):
        data = os.urandom(5 * MEGABYTE)
        sending = threading.Thread(target=sender.sendall, args=(data,))
        sending.start()
        received = read_exactly(receiver, len(data))
        sending.join()
        assert hashlib.sha256(received).digest() == hashlib.sha256(data).digest()
    stats = road.stats()
    assert (stats.accepted, stats.open, stats.bytes_up, stats.bytes_down) == (1, 1, 5 * MEGABYTE, 5 * MEGABYTE)


@pytest.mark.parametrize("kind", ["latency", "slicer", "bandwidth", "limit_data", "slow_close", "noop"])
def test_a_toxic_keeps_what_passes_through_it_in_order(road, kind):
    sizes = {"slicer": {"average_size": 700, "size_variation": 300}, "latency": {"latency": 3, "jitter": 3}}
    road.toxic(
        kind, **sizes.get(kind, {}), **{"limit_data": {"bytes": 10**9}, "bandwidth": {"rate": 10**6}}.get(kind, {})
    )
    client, service = road.connect()
    data = os.urandom(MEGABYTE)
    sending = threading.Thread(target=service.sendall, args=(data,))
    sending.start()
    assert read_exactly(client, len(data)) == data
    sending.join()


def test_latency_takes_effect_on_live_connections_and_ends_with_its_removal(road):
    ends = road.connect()
    without = min(round_trip(*ends) for _ in range(5))
    toxic = road.toxic("latency", latency=60)
    assert all(round_trip(*ends) >= 0.06 for _ in range(3))
    road.remove(toxic)
    assert min(round_trip(*ends) for _ in range(5)) < without + 0.06


def test_latencies_of_both_directions_add_up(road):
    road.toxic("latency", latency=30)
    road.toxic("latency", stream="upstream", latency=40)
    assert round_trip(*road.connect()) >= 0.07


def test_removing_latency_releases_what_it_holds(road):
    client, service = road.connect()
    toxic = road.toxic("latency", latency=60_000)
    service.sendall(b"held")
    assert falls_silent(client)
    road.remove(toxic)
    assert read_exactly(client, 4) == b"held"


def test_bandwidth_is_a_limit(road):
    road.toxic("bandwidth", rate=1000)
    client, service = road.connect()
    began = time.monotonic()
    sending = threading.Thread(target=service.sendall, args=(bytes(200_000),))
    sending.start()
    assert len(read_exactly(client, 200_000)) == 200_000
    sending.join()
    assert time.monotonic() - began >= 0.2


def test_timeout_swallows_what_comes_and_its_removal_closes_the_connection(road, until):
    client, service = road.connect()
    toxic = road.toxic("timeout", timeout=0)
    service.sendall(b"swallowed")
    until(lambda: road.stats().toxics[toxic.name].bytes == 9)
    road.remove(toxic)
    assert is_closed(client)
    assert is_closed(service)
    assert road.stats().bytes_down == 9


def test_a_timeout_that_has_missed_a_connection_closes_it_as_well(road):
    client, service = road.connect()
    toxic = road.toxic("timeout", toxicity=0.0, timeout=0)
    round_trip(client, service)
    road.remove(toxic)
    assert is_closed(client)


def test_timeout_closes_an_idle_connection(road):
    client, service = road.connect()
    road.toxic("timeout", timeout=20)
    assert is_closed(client)
    assert is_closed(service)


def test_limit_data_cuts_the_answer_short(road):
    road.toxic("limit_data", bytes=10)
    client, service = road.connect()
    service.sendall(b"0123456789abc")
    assert read_exactly(client, 99) == b"0123456789"
    assert is_closed(service)


def test_slow_close_keeps_the_client_waiting_for_the_end(road):
    road.toxic("slow_close", delay=100)
    client, service = road.connect()
    began = time.monotonic()
    service.close()
    assert is_closed(client)
    assert time.monotonic() - began >= 0.1


def reset(sock) -> bool:
    try:
        sock.recv(1)
    except ConnectionResetError:
        return True
    return False


def test_reset_peer_resets_connections_that_open_under_it(road):
    road.toxic("reset_peer", timeout=0)
    client, service = road.connect()
    service.sendall(b"x")
    assert reset(client)
    assert reset(service)


def test_reset_peer_closes_older_connections_without_a_reset(road):
    client, service = road.connect()
    road.toxic("reset_peer", timeout=0)
    service.sendall(b"x")
    assert client.recv(1) == b""


def test_a_half_closed_connection_is_closed_as_in_the_real_server(road):
    client, service = road.connect()
    client.shutdown(socket.SHUT_WR)
    assert is_closed(service)
    assert is_closed(client)


def fill(sender: socket.socket) -> int:
    """Send until nothing more is taken; return how much was."""
    sender.settimeout(0.3)
    sent = 0
    try:
        while sent < 400 * MEGABYTE:
            sent += sender.send(bytes(MEGABYTE))
    except TimeoutError:
        return sent
    finally:
        sender.settimeout(5)
    return sent


def test_a_slow_reader_holds_the_sender_back_and_not_the_servers_memory(road):
    _, service = road.connect()
    before = road.server.rss()
    sent = fill(service)
    assert sent < 30 * MEGABYTE
    assert road.stats().bytes_down <= sent
    assert road.server.rss() - before < 20 * MEGABYTE


@pytest.mark.parametrize(
    ("kind", "attributes"),
    [("latency", {"latency": 60_000}), ("bandwidth", {"rate": 0}), ("slicer", {"average_size": 5, "delay": 10**6})],
)
def test_a_toxic_is_removed_at_once_under_back_pressure(road, kind, attributes):
    client, service = road.connect()
    toxic = road.toxic(kind, **attributes)
    sent = fill(service)
    assert sent < 100 * MEGABYTE
    began = time.monotonic()
    road.remove(toxic)
    road.client.proxies()
    assert time.monotonic() - began < 3  # the real server takes 25 s and then hangs
    assert len(read_exactly(client, sent)) == sent


def test_what_a_latency_toxic_holds_is_bounded(road):
    _, service = road.connect()
    road.toxic("latency", latency=60_000)
    before = road.server.rss()
    fill(service)
    assert road.stats().bytes_down <= 1025 * 32 * 1024
    assert road.server.rss() - before < 80 * MEGABYTE


def test_many_connections_at_once_leave_nothing_behind(road, until):
    road.toxic("latency", latency=1)
    ends = [road.connect() for _ in range(200)]
    for client, service in ends:
        service.sendall(b"hello")
        assert read_exactly(client, 5) == b"hello"
    assert road.stats().open == 200
    for client, _ in ends:
        client.close()
    until(lambda: road.stats().open == 0)
