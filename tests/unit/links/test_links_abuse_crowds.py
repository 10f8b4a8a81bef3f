"""Crowds of connections through the link server: what they leave, and what it takes to hold them."""

from __future__ import annotations

import resource
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

import pytest
from abuse_harness import BURST, burst, held, is_back, leaving_nothing
from links_harness import Road, Server, read_exactly

from pytest_resilience.waiting import wait_until

MEGABYTE = 1 << 20
# A service that holds what it accepts, and says what it is told.
SERVICE = """
import resource, select, socket
resource.setrlimit(resource.RLIMIT_NOFILE, resource.getrlimit(resource.RLIMIT_NOFILE)[1:] * 2)
listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
print(listener.getsockname()[1], flush=True)
poll, ends = select.epoll(), {}
poll.register(listener, select.EPOLLIN)
while True:
    for number, _ in poll.poll():
        if number == listener.fileno():
            end, _ = listener.accept()
            ends[end.fileno()] = end
            poll.register(end, select.EPOLLIN)
        elif data := ends[number].recv(65536):
            ends[number].sendall(data)
        else:
            ends.pop(number).close()
"""


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server("-runtime-metrics")
    yield server
    assert server.close() == 0


@pytest.mark.parametrize("count", [5_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_short_connections_leave_nothing_and_memory_flat(server: Server, count: int) -> None:
    road = Road(server)
    for _ in range(10):  # what is made once is made
        burst(road)
    with leaving_nothing(server):
        before = server.rss()
        for _ in range(count // BURST):
            burst(road)
        wait_until(lambda: road.stats().open == 0, within=10)
        assert server.rss() - before < 2 * MEGABYTE
    assert road.stats().accepted == count + 10 * BURST
    road.close()


@pytest.mark.parametrize("toxic", [None, "bandwidth", "slicer"])
def test_slow_readers_hold_senders_back_and_not_memory(server: Server, toxic: str | None) -> None:
    with closing(Road(server)) as road:
        if toxic is not None:
            road.toxic(toxic, stream="upstream", rate=1, average_size=1000, delay=1_000_000)
        pairs = [road.connect() for _ in range(20)]
        before = server.rss()
        sent = 0
        for client, _ in pairs:
            client.settimeout(0.1)
            try:
                while True:
                    sent += client.send(bytes(MEGABYTE))
            except TimeoutError:
                continue
        assert sent > 20 * 65536  # they were held back, and not refused
        # One read of 256 KiB may be held for each, which is 5 MiB, and what it takes to hold it.
        assert server.rss() - before < 8 * MEGABYTE


@contextmanager
def room() -> Iterator[int]:
    """Let this process have all the descriptors that it may; give their number."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        yield hard
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextmanager
def holding_service() -> Iterator[str]:
    service = subprocess.Popen([sys.executable, "-c", SERVICE], stdout=subprocess.PIPE, text=True)
    try:
        yield f"127.0.0.1:{service.stdout.readline().strip()}"
    finally:
        service.kill()
        service.wait()
        service.stdout.close()


@pytest.mark.slow
def test_ten_thousand_connections_or_what_the_limit_allows_are_held_and_alive(server: Server) -> None:
    with ExitStack() as stack:
        limit = stack.enter_context(room())
        size = min(10_000, (limit - 200) // 2)  # a connection takes two of the server's
        if size < 2_000:
            pytest.skip(f"RLIMIT_NOFILE: the hard limit is {limit}, ten thousand connections take 20,200")
        address = stack.enter_context(holding_service())
        state = server.client.create("crowd", listen="127.0.0.1:0", upstream=address)
        end = ("127.0.0.1", int(state.listen.rpartition(":")[2]))
        before, memory = held(server), server.rss()
        crowd = []
        for number in range(1, size + 1):
            crowd.append(stack.enter_context(socket.create_connection(end, timeout=10)))
            if number % 500 == 0 or number == size:
                wait_until(lambda: server.client.stats("crowd").open == len(crowd), within=10)
        assert held(server).descriptors > 2 * size
        assert server.rss() - memory < size * 20_000
        for client in crowd[::10]:
            client.sendall(b"hello")
        for client in crowd[::10]:
            assert read_exactly(client, 5) == b"hello"
        for client in crowd:
            client.close()
        wait_until(lambda: server.client.stats("crowd").open == 0, within=20)
        wait_until(lambda: is_back(server, before), within=10)


def test_the_server_takes_all_the_descriptors_that_it_may_have() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(512, hard), hard))
    try:
        server = Server()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    limits = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
    server.close()
    assert limits == (hard, hard)
