"""A request is checked when it is written, and says what counts as success."""

from __future__ import annotations

import dataclasses

import pytest

from pytest_resilience.errors import UsageError
from pytest_resilience.load.action import Call
from pytest_resilience.load.driver.encode import Encoder
from pytest_resilience.load.driver.judge import Judge
from pytest_resilience.load.request import Delete, Get, Patch, Post, Put, Request
from pytest_resilience.load.response import Response

URL = "http://127.0.0.1:8000/slots"
CALL = Call(7, 3, 42)


@pytest.mark.parametrize(
    ("url", "host", "port", "target"),
    [
        ("http://127.0.0.1:8000/slots", "127.0.0.1", 8000, "/slots"),
        ("http://localhost", "localhost", 80, "/"),
        ("http://[::1]:81/a?b=c", "::1", 81, "/a?b=c"),
        ("https://h", "h", 443, "/"),
        ("http://h:1/a b/ü?q=ä%20#part", "h", 1, "/a%20b/%C3%BC?q=%C3%A4%20"),
    ],
)
def test_a_url_is_taken_apart(url: str, host: str, port: int, target: str) -> None:
    address = Get(url).address
    assert (address.host, address.port, address.target) == (host, port, target)


@pytest.mark.parametrize(
    "url", ["ws://h/", "h:80/", "http://", "http://h:99999/", "ftp://h/", "http://u:p@h/", "", None]
)
def test_a_url_that_cannot_be_called_is_refused_at_once(url: str) -> None:
    with pytest.raises(UsageError, match="url="):
        Get(url)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Request(URL, method="get"),
        lambda: Request(URL, method="GET /\r\n"),
        lambda: Post(URL, json={}, body=b""),
        lambda: Get(URL, headers={"a": "b\r\nc: d"}),
        lambda: Get(URL, headers={"a b": "c"}),
        lambda: Get(URL, headers={"": "c"}),
        lambda: Post(URL, headers={"Content-Length": "3"}),
        lambda: Get(URL, deadline=0),
        lambda: Get(URL, expect=99),
        lambda: Get(URL, expect=set()),
        lambda: Get(URL, expect={"200"}),  # type: ignore[arg-type]
        lambda: Get(URL, check=True),  # type: ignore[arg-type]
    ],
)
def test_a_request_that_cannot_be_meant_is_refused_at_once(wrong: object) -> None:
    assert callable(wrong)
    with pytest.raises(UsageError):
        wrong()


def test_a_request_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Get(URL).url = "http://elsewhere/"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("request_", "start", "end"),
    [
        (Get(URL), b"GET /slots HTTP/1.1\r\nhost: 127.0.0.1:8000\r\n", b"accept: */*\r\n\r\n"),
        (Delete(URL), b"DELETE /slots HTTP/1.1\r\n", b"\r\n\r\n"),
        (Post(URL, json={"a": [1]}), b"POST ", b"content-length: 9\r\n\r\n" + b'{"a":[1]}'),
        (Put(URL, body="ü"), b"PUT ", b"content-length: 2\r\n\r\n" + "ü".encode()),
        (Patch(URL, body=b"x"), b"PATCH ", b"content-length: 1\r\n\r\nx"),
        (Post(URL), b"POST ", b"content-length: 0\r\n\r\n"),
        (Get(URL, headers={"Host": "other", "X-A": "b"}), b"GET /slots HTTP/1.1\r\nhost: other\r\n", b"x-a: b\r\n\r\n"),
        (Post(URL, json=lambda call: {"n": call.index}), b"POST ", b'{"n":7}'),
        (Post(URL, body=lambda call: f"user {call.user}"), b"POST ", b"\r\n\r\nuser 3"),
        (Get(URL, headers=lambda call: {"x-n": str(call.index)}), b"GET ", b"x-n: 7\r\n\r\n"),
    ],
)
def test_what_is_written_to_the_connection(request_: Request, start: bytes, end: bytes) -> None:
    written = Encoder(request_)(CALL).payload
    assert written.startswith(start)
    assert written.endswith(end)


def test_a_request_with_a_function_is_made_anew_for_each_call() -> None:
    assert Encoder(Post(URL, json={"a": 1})).constant
    assert not Encoder(Post(URL, json=lambda call: call.index)).constant


def test_the_random_numbers_of_a_call_depend_on_seed_and_index_alone() -> None:
    assert Call(7, 3, 42).random.random() == Call(7, 9, 42).random.random()
    assert Call(7, 3, 42).random.random() != Call(8, 3, 42).random.random()
    assert Call(7, 3, 42).random.random() != Call(7, 3, 43).random.random()


def test_a_body_that_is_none_is_an_error_of_the_call() -> None:
    with pytest.raises(UsageError, match="body= gave a int"):
        Encoder(Post(URL, body=lambda call: call.index))(CALL)  # type: ignore[arg-type,return-value]


def slots_are_there(response: Response) -> object:
    return response.json() == {"slots": [1]}


def breaks(response: Response) -> object:
    raise KeyError(response.status)


@pytest.mark.parametrize(
    ("request_", "status", "error"),
    [
        (Get(URL), 200, None),
        (Get(URL), 302, None),
        (Get(URL), 404, "status 404"),
        (Get(URL), 503, "status 503"),
        (Get(URL, expect=404), 404, None),
        (Get(URL, expect=404), 200, "status 200"),
        (Get(URL, expect={200, 409}), 409, None),
        (Get(URL, check=slots_are_there), 200, None),
        (Get(URL, check=slots_are_there), 500, "status 500"),
        (Get(URL, check=lambda response: response.body == b"other"), 200, "check"),
        (Get(URL, check=lambda _response: None), 200, "check"),
        (Get(URL, check=breaks), 200, "check breaks"),
        (Get(URL, keep=breaks), 200, "keep breaks"),
    ],
)
def test_what_counts_as_success(request_: Request, status: int, error: str | None) -> None:
    judge = Judge(request_)
    body = b'{"slots":[1]}'
    for _ in range(2):  # statuses are remembered
        assert judge(status, b"HTTP/1.1 200 OK\r\n\r\n" + body, [body])[0] == error


def test_what_is_kept_of_a_success() -> None:
    judge = Judge(Get(URL, keep=lambda response: (response.headers["x-id"], response.text)))
    head = b"HTTP/1.1 103 Early\r\nX-Id: no\r\n\r\nHTTP/1.1 200 OK\r\nX-Id: 9\r\n\r\nab"
    assert judge(200, head, [b"a", b"b"]) == (None, "", ("9", "ab"))
    assert judge(500, head, [b"a", b"b"])[2] is None


def test_samples_are_named_by_method_and_path() -> None:
    assert Get(URL + "?page=2").label == "GET /slots"
    assert Post(URL, name="book").label == "book"
    assert repr(Get(URL)) == "<GET http://127.0.0.1:8000/slots>"
