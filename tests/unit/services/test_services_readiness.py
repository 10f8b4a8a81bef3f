"""When a service is ready: by its port, by HTTP, by its log, by asking."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from pytest_resilience.services.readiness import Question, accepts, refuses


class Health(BaseHTTPRequestHandler):
    status = 503

    def do_GET(self) -> None:
        self.send_response(self.status if self.path == "/health" else 404)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 — the parent's name
        pass


@pytest.fixture
def web() -> Iterator[HTTPServer]:
    server = HTTPServer(("127.0.0.1", 0), type("Handler", (Health,), {}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def question(ready: object, *, port: int | None = None, log: str = "") -> Question:
    return Question("app", ready, port=port, logs=lambda: log)


def test_a_port_is_ready_when_it_accepts(port: int) -> None:
    asked = question(None, port=port)
    assert not asked.ask()
    with socket.create_server(("127.0.0.1", port)):
        assert asked.ask()


@pytest.mark.parametrize("status", [200, 204, 302, 399])
def test_a_path_is_ready_when_it_answers_below_400(web: HTTPServer, status: int) -> None:
    web.RequestHandlerClass.status = status
    assert question("/health", port=web.server_port).ask()


@pytest.mark.parametrize("status", [400, 404, 500, 503])
def test_a_path_is_not_ready_while_it_answers_400_or_more(web: HTTPServer, status: int) -> None:
    web.RequestHandlerClass.status = status
    with pytest.raises(ConnectionError, match=f"GET /health answered {status}"):
        question("/health", port=web.server_port).ask()


def test_a_log_is_ready_when_one_of_its_lines_matches() -> None:
    pattern = re.compile(r"^listening on \d+$")
    assert question(pattern, log="starting\nlistening on 80\n").ask()
    assert not question(pattern, log="starting\nnot listening on 80\n").ask()


@pytest.mark.parametrize(("answer", "ready"), [(True, True), ("PONG", True), (0, False), (None, False)])
def test_a_function_is_ready_when_it_returns_something_true(answer: object, ready: bool) -> None:
    assert question(lambda: answer).ask() is ready


def test_a_question_says_what_is_waited_for(port: int) -> None:
    words = [question(ready, port=port).words for ready in (None, "/health", re.compile("up"))]
    assert words == [f"port {port} to accept", "GET /health to answer below 400", "a line of its log like 'up'"]


def test_a_dead_port_refuses_and_a_live_one_accepts(port: int) -> None:
    assert refuses(port)
    assert not accepts(port)
    with socket.create_server(("127.0.0.1", port)):
        assert accepts(port)
        assert not refuses(port)


def test_a_port_whose_queue_is_full_neither_accepts_nor_refuses(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_resilience.services.readiness.TRY", 0.05)
    with socket.create_server(("127.0.0.1", port), backlog=0), socket.create_connection(("127.0.0.1", port)):
        assert not accepts(port)
        assert not refuses(port)
