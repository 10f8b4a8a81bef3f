"""The server's HTTP: framing, connections, and what it says to what is no HTTP."""

from __future__ import annotations

import socket

import pytest
from links_harness import read_exactly

from pytest_resilience.links.server.httpread import BadRequest, Reader


@pytest.fixture
def wire(link_server):
    with socket.create_connection(("127.0.0.1", link_server.port), timeout=5) as sock:
        yield sock


def everything(sock: socket.socket) -> bytes:
    data = b""
    while part := sock.recv(65536):
        data += part
    return data


def test_requests_that_come_together_are_answered_in_order(wire):
    wire.sendall(b"GET /version HTTP/1.1\r\nHost: x\r\n\r\nGET /no HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    first, second = everything(wire).split(b"HTTP/1.1 ")[1:]
    assert first.startswith(b"200 OK\r\n")
    assert second.startswith(b"404 Not Found\r\n")
    assert b"Connection: close" in second


def test_a_request_may_come_byte_by_byte(wire):
    for byte in b"GET /version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n":
        wire.sendall(bytes([byte]))
    assert everything(wire).endswith(b'{"version": "2.12.0"}\n')


def test_a_body_may_come_in_chunks(wire):
    wire.sendall(
        b"POST /populate HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        b"1\r\n[\r\n1;some=extension\r\n]\r\n0\r\nTrailer: x\r\n\r\n"
    )
    assert everything(wire).endswith(b'{"proxies":null}')


def test_a_client_that_asks_first_is_told_to_go_on(wire):
    wire.sendall(b"POST /populate HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
    assert read_exactly(wire, 25) == b"HTTP/1.1 100 Continue\r\n\r\n"
    wire.sendall(b"[]")
    assert wire.recv(4096).startswith(b"HTTP/1.1 201 Created\r\n")


def test_head_has_the_length_and_no_body(wire):
    wire.sendall(b"HEAD /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    answer = everything(wire)
    assert b"Content-Length: 19\r\n" in answer
    assert answer.endswith(b"\r\n\r\n")


def test_http_1_0_is_answered_and_closed(wire):
    wire.sendall(b"GET /version HTTP/1.0\r\n\r\n")
    assert everything(wire).startswith(b"HTTP/1.0 200 OK\r\n")


def test_a_path_with_empty_segments_is_redirected(wire):
    wire.sendall(b"GET //proxies/./x?query HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    answer = everything(wire)
    assert answer.startswith(b"HTTP/1.1 301 Moved Permanently\r\nLocation: /proxies/x?query\r\n")


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (b"nonsense\r\n\r\n", b"400 Bad Request"),
        (b"GET / HTTP/1.1\r\n\r\n", b"400 Bad Request: missing required Host header"),
        (b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", b"505 HTTP Version Not Supported: unsupported protocol version"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", b"400 Bad Request"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n", b"400 Bad Request"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", b"Unsupported transfer encoding"),
        (b"POST /reset HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", b"400 Bad Request"),
    ],
)
def test_what_is_no_request_is_refused_and_closed(wire, sent, answer):
    wire.sendall(sent)
    said = everything(wire)
    assert said.endswith(b"\r\n\r\n" + answer)
    assert b"Connection: close" in said


def test_a_head_without_end_is_refused():
    reader = Reader()
    reader.feed(b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200_000)
    with pytest.raises(BadRequest, match="431"):
        reader.head()


def test_a_body_beyond_all_measure_is_refused():
    reader = Reader()
    reader.feed(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n")
    with pytest.raises(BadRequest, match="413"):
        reader.head()


def test_the_server_outlives_clients_that_leave_in_the_middle(link_server):
    for part in (
        b"",
        b"GET /ver",
        b"POST /populate HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n[",
        b"\x16\x03\x01",
    ):
        with socket.create_connection(("127.0.0.1", link_server.port)) as sock:
            sock.sendall(part)
    assert link_server.ask("GET", "/version").status == 200
