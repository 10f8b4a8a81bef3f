"""Refused connections are counted with the right to look at packets, and estimated without it."""

from __future__ import annotations

import asyncio
import socket

import pytest

from pytest_resilience.links.server import refusals
from pytest_resilience.links.server.refusals import Refusals


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def knock(port: int) -> None:
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def count(port: int, knocks: tuple[int, ...]) -> tuple[int, bool]:
    async def watch() -> tuple[int, bool]:
        counter = Refusals(asyncio.get_running_loop())
        counter.watch(port)
        for knocked in knocks:
            knock(knocked)
        counter.rest()
        knock(port)  # after it has stopped watching
        return counter.count, counter.exact

    return asyncio.run(watch())


def test_what_is_refused_at_the_port_is_counted_and_nothing_else(closed_port):
    counted, exact = count(closed_port, (closed_port, 1, closed_port))
    if not exact:
        pytest.skip("looking at packets needs CAP_NET_RAW")
    assert counted == 2


def test_without_the_right_the_hosts_failed_attempts_stand_in(closed_port, monkeypatch):
    class Forbidding:
        def __getattr__(self, name):
            return getattr(socket, name)

        def socket(self, *arguments):
            raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(refusals, "socket", Forbidding())
    counted, exact = count(closed_port, (closed_port, closed_port))
    assert not exact
    assert counted >= 2
