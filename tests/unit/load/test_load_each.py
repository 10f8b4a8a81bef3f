"""Data of each call: taken one after the other, shared by drivers, and refused where it cannot be taken again."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

import pytest

from pytest_resilience.errors import NotPortable, UsageError
from pytest_resilience.janitor import Janitor
from pytest_resilience.load.action import Call
from pytest_resilience.load.driver.encode import Encoder
from pytest_resilience.load.each import each
from pytest_resilience.load.prepare import prepare
from pytest_resilience.load.profile import steady
from pytest_resilience.load.request import Get, Post, Request

if TYPE_CHECKING:
    from conftest import Server

CALL = Call(7, 3, 42)


def rows() -> Iterator[dict[str, int]]:
    for number in range(3):
        yield {"n": number}


@pytest.mark.parametrize(
    ("items", "share", "drivers", "dealt"),
    [
        (["a", "b", "c"], 0, 1, ["a", "b", "c", "a", "b"]),
        (range(5), 1, 2, [1, 3, 0, 2, 4]),
        (rows, 0, 1, [{"n": 0}, {"n": 1}, {"n": 2}, {"n": 0}, {"n": 1}]),
        ({"x": 1, "y": 2}, 0, 1, ["x", "y", "x", "y", "x"]),
    ],
)
def test_items_are_dealt_in_order_and_again(items: object, share: int, drivers: int, dealt: list[object]) -> None:
    assert list(islice(each(items).dealt(share, drivers), 5)) == dealt  # type: ignore[arg-type]


def test_drivers_take_different_items_until_all_are_used() -> None:
    data = each(range(10))
    taken = [item for share in range(2) for item in islice(data.dealt(share, 2), 5)]
    assert sorted(taken) == list(range(10))  # type: ignore[type-var]


def test_a_generator_function_that_gives_nothing_fails_the_call() -> None:
    with pytest.raises(UsageError, match="gave nothing"):
        next(each(list).dealt())


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: each([]), "empty"),
        (lambda: each("text"), "expected several"),
        (lambda: each(7), "expected several"),
        (lambda: each(rows()), "generator can be gone through only once"),
        (lambda: each(lambda call: [call]), "called with nothing"),
    ],
)
def test_what_cannot_be_taken_again_is_refused_at_once(wrong: object, message: str) -> None:
    assert callable(wrong)
    with pytest.raises(UsageError, match=message):
        wrong()


def test_every_part_of_a_request_may_differ_from_call_to_call() -> None:
    encode = Encoder(
        Post("http://h/slots?a=1", path=each(["/1", "/2?b=ü"]), json=each(rows), headers=each([{"X-Key": "k"}])),
        share=0,
    )
    first, second = encode(CALL).payload, encode(CALL).payload
    assert first.startswith(b"POST /slots/1?a=1 HTTP/1.1\r\n") and first.endswith(b'{"n":0}')
    assert second.startswith(b"POST /slots/2?a=1&b=%C3%BC HTTP/1.1\r\n") and second.endswith(b'{"n":1}')
    assert b"x-key: k\r\n" in first


@pytest.mark.parametrize(
    ("url", "tail", "target"),
    [
        ("http://h", "/slots/7", "/slots/7"),
        ("http://h/", "slots", "/slots"),
        ("http://h/slots", "?page=2", "/slots?page=2"),
        ("http://h/slots?a=b", "/7", "/slots/7?a=b"),
        ("http://h/slots", "/a b\r\nX: y", "/slots/a%20b%0D%0AX:%20y"),
    ],
)
def test_a_path_follows_that_of_the_url(url: str, tail: str, target: str) -> None:
    request = Get(url, path=lambda _: tail)
    assert Encoder(request)(CALL).payload.startswith(f"GET {target} HTTP/1.1\r\n".encode())
    assert request.label == f"GET {request.address.path}"


def test_a_path_that_is_the_same_for_all_belongs_into_the_url() -> None:
    with pytest.raises(UsageError, match="put the rest into the URL"):
        Request("http://h/", path="/x")  # type: ignore[arg-type]


def test_data_travels_to_the_driver_and_is_shared_there(server: Server, load_janitor: Janitor) -> None:
    request = Post(f"{server.url}/echo", json=each(rows), keep=lambda response: response.body[-7:])
    with prepare(request, launcher=load_janitor, rate=steady(60, lasting=0.1), drivers=2) as run:
        run.finish()
    assert run.samples.errors == {}, run.examples
    assert sorted(run.samples.returned) == sorted([b'{"n":0}', b'{"n":1}', b'{"n":2}'] * 2)  # type: ignore[type-var]


def test_items_that_cannot_travel_are_named(load_janitor: Janitor) -> None:
    import threading

    lock = threading.Lock()
    with pytest.raises(NotPortable, match="captures 'lock', a lock"):
        prepare(Post("http://127.0.0.1/", json=each(lambda: [lock.locked()])), launcher=load_janitor, rate=1)
