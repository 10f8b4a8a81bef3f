"""What a test gives to load travels to another process, and what cannot is named."""

from __future__ import annotations

import functools
import pickle
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from pytest_resilience.errors import NotPortable
from pytest_resilience.load.action import Action, Call, user
from pytest_resilience.load.portable import pack_what
from pytest_resilience.load.request import Get, Post
from pytest_resilience.load.response import Response

FACTOR = 3
UNPACK = "import pickle, sys; print(pickle.load(sys.stdin.buffer)())"


def tripled(number: int) -> int:
    """A helper of this module, which the driver cannot import."""
    return number * FACTOR


class Client:
    """Something open, as a fixture or a client is."""

    def __init__(self) -> None:
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return "http://127.0.0.1:1/"


def elsewhere(what: Callable[[], object]) -> str:
    """What it returns in a fresh interpreter that cannot import this module."""
    done = subprocess.run([sys.executable, "-c", UNPACK], input=pack_what(what), capture_output=True, check=True)
    return done.stdout.decode().strip()


def test_a_closure_travels_with_what_it_captures_and_the_helpers_it_names() -> None:
    base = 4

    def action() -> int:
        return tripled(base)

    assert elsewhere(action) == "12"


def test_lambdas_partials_and_module_level_functions_travel() -> None:
    assert elsewhere(lambda: FACTOR) == "3"
    assert elsewhere(functools.partial(tripled, 5)) == "15"
    assert elsewhere(functools.partial(lambda number: tripled(number), 6)) == "18"


def test_functions_inside_a_request_travel() -> None:
    def accepted(response: Response) -> bool:
        return response.status == FACTOR * 67

    request = pickle.loads(pack_what(Post("http://127.0.0.1/", json=lambda call: tripled(call.index), check=accepted)))
    assert request.json(Call(7, 0, 0)) == 21
    assert request.check(Response(201, b"", b""))


def test_packing_leaves_no_trace_in_the_pickler() -> None:
    import cloudpickle

    pack_what(lambda: FACTOR)
    assert __name__ not in cloudpickle.list_registry_pickle_by_value()


def captured() -> tuple[Action, str]:
    client = Client()
    return (lambda: client.url), r"captures 'client', a Client.*client\.url"


def captured_in_a_helper() -> tuple[Action, str]:
    cache = socket.socket()
    cache.close()

    def helper() -> object:
        return cache.fileno()

    def action() -> object:
        return helper()

    return action, r"helper captures 'cache', a socket"


def a_bound_method() -> tuple[Action, str]:
    class Bound(Client):
        def act(self) -> None: ...

    return Bound().act, "captures 'self', a Bound"


def a_default() -> tuple[Action, str]:
    lock = threading.Lock()

    def action(held: object = lock) -> None: ...

    return action, "captures 'default .*a lock"


def in_a_user() -> tuple[Action, str]:
    redis = Client()

    @user
    async def reader() -> AsyncIterator[Callable[[], Awaitable[str]]]:
        async def read() -> str:
            return redis.url

        yield read

    return reader, r"reader captures 'redis', a Client"  # type: ignore[return-value]


def in_a_check() -> tuple[Action, str]:
    seen = threading.Event()

    def noted(response: Response) -> bool:
        return seen.is_set()

    return Get("http://127.0.0.1/", check=noted), "noted captures 'seen', a Event"  # type: ignore[return-value]


LOCK = threading.Lock()


def a_global() -> tuple[Action, str]:
    def action() -> None:
        LOCK.acquire()

    return action, "captures 'LOCK', a lock"


CASES = [captured, captured_in_a_helper, a_bound_method, a_default, in_a_user, in_a_check, a_global]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_what_cannot_travel_is_named_as_the_test_names_it(case: Callable[[], tuple[Action, str]]) -> None:
    what, message = case()
    with pytest.raises(NotPortable, match=message):
        pack_what(what)
