"""A connection reads every shape of HTTP/1.1 answer, wherever the network cuts it."""

from __future__ import annotations

import asyncio
import math
import socket
from dataclasses import dataclass, field
from typing import cast

import pytest

from pytest_resilience.load.driver.connection import Connection, ReadingConnection
from pytest_resilience.load.driver.encode import Encoded
from pytest_resilience.load.driver.exchange import Exchange
from pytest_resilience.load.driver.heads import Heads

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nTrailer: t\r\n\r\n"


@dataclass
class Owner:
    """Writes down what its connections tell."""

    news: list[object] = field(default_factory=list)
    heads: Heads = field(default_factory=Heads)

    def answered(self, connection: Connection, exchange: Exchange, now: float) -> None:
        self.news.append((connection.status, b"".join(connection.body), connection.reusable))

    def broken(self, exchange: Exchange, error: str, example: str) -> None:
        self.news.append(error)

    def gone(self, connection: Connection) -> None:
        self.news.append("gone")


class Transport:
    """A transport that writes down what is sent."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.closed = False
        self.socket: socket.socket | None = None

    def write(self, data: bytes) -> None:
        self.sent.append(data)

    def abort(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def get_extra_info(self, name: str) -> socket.socket | None:
        return self.socket


def connected(owner: Owner, kind: type[Connection] = ReadingConnection) -> tuple[Connection, Transport]:
    connection, transport = kind(owner), Transport()
    connection.connection_made(cast("asyncio.Transport", transport))
    return connection, transport


def exchange(*, bodiless: bool = False) -> Exchange:
    return Exchange(0, 0, Encoded(b"GET / HTTP/1.1\r\n\r\n"), None, bodiless)


ANSWERS = {
    "sized": (OK, (200, b"ok", True)),
    "chunked": (CHUNKED, (200, b"abcde", True)),
    "no content": (b"HTTP/1.1 204 No Content\r\n\r\n", (204, b"", True)),
    "not modified": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", (304, b"", True)),
    "interim": (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: a\r\n\r\n" + OK, (200, b"ok", True)),
    "closing": (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", (200, b"ok", False)),
    "old": (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", (200, b"ok", False)),
    "failing": (b"HTTP/1.1 503 Gone\r\nContent-Length: 0\r\n\r\n", (503, b"", True)),
    "without reason": (b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", (200, b"", True)),
}


@pytest.mark.parametrize(("answer", "expected"), ANSWERS.values(), ids=ANSWERS)
def test_an_answer_is_read_wherever_it_is_cut(answer: bytes, expected: object) -> None:
    for cut in range(len(answer)):
        owner = Owner()
        connection, _ = connected(owner)
        connection.send(exchange())
        for part in (answer[:cut], answer[cut:]):
            if part:
                connection.data_received(part)
        assert owner.news == [expected], f"cut at {cut}"


@pytest.mark.parametrize("answer", [OK, CHUNKED, ANSWERS["interim"][0]], ids=["sized", "chunked", "interim"])
def test_an_answer_is_read_byte_by_byte_and_the_connection_serves_again(answer: bytes) -> None:
    owner = Owner()
    connection, transport = connected(owner)
    for _ in range(3):
        connection.send(exchange())
        for byte in answer:
            connection.data_received(bytes([byte]))
    assert [news[2] for news in cast("list[tuple[int, bytes, bool]]", owner.news)] == [True] * 3
    assert len(transport.sent) == 3
    assert connection.usable(0)


@pytest.mark.parametrize("kind", [Connection, ReadingConnection])
def test_an_answer_with_a_known_head_says_the_same_as_one_that_is_parsed(kind: type[Connection]) -> None:
    owner = Owner()
    connection, _ = connected(owner, kind)
    for body in (b"ok", b"no", b"ok"):
        connection.send(exchange())
        connection.data_received(OK[:-2] + body)
    assert len(owner.heads.known) == 1
    read = kind is ReadingConnection
    assert owner.news == [(200, body if read else b"", True) for body in (b"ok", b"no", b"ok")]
    assert connection.size == len(exchange().encoded.payload) + len(OK)


@pytest.mark.parametrize("cut", range(1, len(OK)))
def test_a_known_head_does_not_hide_that_the_rest_is_missing_or_too_much(cut: int) -> None:
    owner = Owner()
    connection, _ = connected(owner)
    connection.send(exchange())
    connection.data_received(OK)
    connection.send(exchange())
    connection.data_received(OK[:cut])
    assert len(owner.news) == 1
    connection.data_received(OK[cut:])
    connection.send(exchange())
    connection.data_received(OK + b"more")
    assert owner.news == [(200, b"ok", True)] * 2 + [(200, b"ok", False)]


def test_bodies_that_nobody_reads_are_not_kept() -> None:
    owner = Owner()
    connection, _ = connected(owner, Connection)
    connection.send(exchange())
    connection.data_received(OK)
    assert owner.news == [(200, b"", True)]


def test_the_answer_to_a_head_ends_with_its_headers() -> None:
    owner = Owner()
    connection, _ = connected(owner)
    for _ in range(2):
        connection.send(exchange(bodiless=True))
        connection.data_received(b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n")
    assert owner.news == [(200, b"", True)] * 2


def test_an_answer_without_a_length_ends_with_the_connection() -> None:
    owner = Owner()
    connection, _ = connected(owner)
    connection.send(exchange())
    connection.data_received(b"HTTP/1.1 200 OK\r\n\r\nuntil ")
    connection.data_received(b"the end")
    connection.eof_received()
    connection.connection_lost(None)
    assert owner.news == [(200, b"until the end", False), "gone"]


@pytest.mark.parametrize(
    "part",
    [
        b"",
        b"HTTP/1.1 2",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 10\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
    ],
)
def test_an_answer_that_is_cut_short_is_a_reset(part: bytes) -> None:
    owner = Owner()
    connection, _ = connected(owner)
    connection.send(exchange())
    if part:
        connection.data_received(part)
    connection.eof_received()
    connection.connection_lost(None)
    assert owner.news == ["reset", "gone"]


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    ],
)
def test_what_is_not_http_is_a_protocol_error_and_closes_the_connection(answer: bytes) -> None:
    owner = Owner()
    connection, transport = connected(owner)
    connection.send(exchange())
    connection.data_received(answer)
    assert owner.news == ["protocol"]
    assert transport.closed


def test_a_second_answer_to_one_request_is_not_taken_for_the_next_one() -> None:
    owner = Owner()
    connection, _ = connected(owner)
    connection.send(exchange())
    connection.data_received(OK + b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")
    assert owner.news == [(200, b"ok", False)]


def test_an_answer_that_was_not_asked_for_closes_the_connection() -> None:
    connection, transport = connected(Owner())
    connection.data_received(OK)
    assert transport.closed


def test_a_connection_that_was_closed_while_idle_is_not_used() -> None:
    connection, transport = connected(Owner())
    here, there = socket.socketpair()
    with here:
        transport.socket = here
        with there:
            assert connection.usable(math.inf)
        assert not connection.usable(math.inf)  # the goodbye lies unread in the socket
