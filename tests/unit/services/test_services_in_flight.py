"""Requests in flight: which connections count, and a real program that dies with one."""

from __future__ import annotations

import http.client
import sys
import threading
from collections.abc import Iterator

import pytest

from pytest_resilience.errors import FaultDidNotBite
from pytest_resilience.measure.sockets import Ended
from pytest_resilience.services.backend import Spec
from pytest_resilience.services.in_flight import InFlight
from pytest_resilience.services.process import ProcessBackend
from pytest_resilience.services.service import Service

A, B = ("127.0.0.1", 1), ("127.0.0.1", 2)
# Answers /now at once, and /late when it is asked for that on another connection, with /let-go.
SERVER = """
import http.server, sys, threading
go = threading.Event()
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        if self.path == "/late":
            go.wait()
        self.send_response(204)
        self.end_headers()
    def log_message(self, *args):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def counts(*looks: list[Ended]) -> list[int]:
    rest = iter(looks)
    flights = InFlight(1, lambda _: next(rest))
    return [flights.count() for _ in looks]


def test_what_has_come_in_and_is_not_answered_is_in_flight() -> None:
    assert counts([Ended(A, 0, 0)], [Ended(A, 5, 0)], [Ended(A, 5, 0)], [Ended(A, 5, 9)]) == [0, 1, 1, 0]


def test_a_connection_that_is_met_with_bytes_is_in_flight_only_if_it_was_never_answered() -> None:
    assert counts([Ended(A, 5, 0), Ended(B, 5, 9)]) == [1]


def test_a_second_request_on_the_same_connection_counts() -> None:
    assert counts([Ended(A, 5, 9)], [Ended(A, 10, 9)], [Ended(A, 10, 18)]) == [0, 1, 0]


def test_a_request_that_came_and_was_answered_in_between_does_not_count() -> None:
    assert counts([Ended(A, 5, 9)], [Ended(A, 10, 18)]) == [0, 0]


def test_a_client_that_has_gone_does_not_count() -> None:
    assert counts([Ended(A, 5, 0), Ended(B, 5, 0)], [Ended(B, 5, 0)], []) == [2, 1, 0]


@pytest.fixture
def server(backend: ProcessBackend, port: int) -> Iterator[Service]:
    unit = backend.unit(Spec(name="server", command=(sys.executable, "-I", "-S", "-c", SERVER, str(port)), port=port))
    service = Service(unit, ready="/now")
    service.start()
    yield service
    service.remove()


def ask(server: Service, path: str) -> int:
    connection = http.client.HTTPConnection(server.host, server.port, timeout=20)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


def test_it_dies_with_a_request_in_flight_and_its_client_is_told(server: Service) -> None:
    with server.crashed_when(in_flight=1) as crash, pytest.raises((http.client.HTTPException, OSError)):
        ask(server, "/late")
    assert ask(server, "/now") == 204
    assert crash.receipt.counts["requests_in_flight"] == 1
    assert crash.receipt.counts["processes_killed"] == 1


def test_it_waits_for_as_many_as_are_asked_for(server: Service) -> None:
    failures: list[BaseException] = []

    def client() -> None:
        try:
            ask(server, "/late")
        except (http.client.HTTPException, OSError) as error:
            failures.append(error)

    with server.crashed_when(in_flight=3) as crash:
        clients = [threading.Thread(target=client) for _ in range(3)]
        for each in clients:
            each.start()
        for each in clients:
            each.join(20)
    assert len(failures) == 3
    assert crash.receipt.counts["requests_in_flight"] == 3


def test_connections_that_ask_nothing_are_not_in_flight(server: Service) -> None:
    idle = http.client.HTTPConnection(server.host, server.port, timeout=20)
    idle.connect()
    idle.request("GET", "/now")
    idle.getresponse().read()
    with pytest.raises(FaultDidNotBite, match=rf"its moment never came: 2 requests in flight at port {server.port}"):
        with server.crashed_when(in_flight=2):
            assert ask(server, "/now") == 204
    idle.close()
    assert server.running
