"""WebSockets are held as the profile says, and each message is measured from when it was due."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import load_server
import pytest
import socket_server
from socket_server import Seen

from pytest_resilience.errors import TargetNotAllowed, UsageError
from pytest_resilience.janitor import Janitor
from pytest_resilience.load.action import Call
from pytest_resilience.load.each import each
from pytest_resilience.load.loader import Loader
from pytest_resilience.load.prepare import prepare
from pytest_resilience.load.profile import ramp, steady
from pytest_resilience.load.run import Run
from pytest_resilience.load.websocket import WebSocket
from pytest_resilience.options import Options


@pytest.fixture
def seen() -> Iterator[Seen]:
    with socket_server.in_thread() as found:
        yield found


def held(what: WebSocket, janitor: Janitor, *, users: int = 5, seconds: float = 0.5, deadline: float = 5) -> Run:
    with prepare(what, launcher=janitor, users=users, deadline=deadline) as run:
        run.hold(seconds)
    return run


def test_users_hold_their_connections_and_speak_every_so_often(seen: Seen, load_janitor: Janitor) -> None:
    run = held(WebSocket(f"{seen.url}/echo", send="ping", every=0.1, expect="ping"), load_janitor)
    assert run.samples.errors == {}, run.examples
    connects, messages = run.samples.named("connect /echo"), run.samples.named("message /echo")
    assert (len(connects), connects.statuses) == (5, {101})
    assert all(sample.due == run.began for sample in connects)
    assert 15 <= len(messages) <= 30
    assert len(messages) == len(seen.messages)
    assert (seen.most, seen.open) == (5, 0)
    assert seen.codes == [1000] * 5


def test_messages_of_one_user_are_due_at_even_times_and_those_of_many_are_spread(
    seen: Seen, load_janitor: Janitor
) -> None:
    run = held(WebSocket(f"{seen.url}/echo", send="ping", every=0.1), load_janitor, users=1)
    dues = sorted(sample.due for sample in run.samples.named("message /echo"))
    assert [after - before for before, after in pairwise(dues)] == pytest.approx([0.1] * (len(dues) - 1), abs=1e-6)
    run = held(WebSocket(f"{seen.url}/echo", send="ping", every=0.4), load_janitor, users=20, seconds=0.4)
    dues = sorted(sample.due for sample in run.samples.named("message /echo"))
    assert dues[-1] - dues[0] > 0.2


def test_a_ramp_of_users_is_a_ramp_of_connects_in_every_driver(seen: Seen, load_janitor: Janitor) -> None:
    profile = ramp(0, 20, over=0.4) + steady(20, lasting=0.1) + ramp(20, 0, over=0.2) + steady(0, lasting=0.1)
    with prepare(WebSocket(f"{seen.url}/echo"), launcher=load_janitor, users=profile, drivers=2) as run:
        run.finish()
    dues = sorted(sample.due - run.began for sample in run.samples)
    assert dues == pytest.approx([k * 0.02 for k in range(20)], abs=1e-6)
    assert {sample.name for sample in run.samples} == {"connect /echo"}
    assert (seen.most, seen.open, seen.codes) == (20, 0, [1000] * 20)


@pytest.mark.parametrize(
    ("path", "expect"),
    [
        ("/echo", "7"),
        ("/pieces", "7"),
        ("/push", "7"),
        ("/push", lambda message: message.isdigit()),
        ("/echo", lambda message: message == "7"),
        ("/echo", True),
        ("/silent", False),
    ],
)
def test_the_reply_is_found_among_what_comes(seen: Seen, load_janitor: Janitor, path: str, expect: str | bool) -> None:
    socket = WebSocket(seen.url + path, send=lambda _: "7", every=0.05, expect=expect)
    run = held(socket, load_janitor, users=2, seconds=0.3)
    assert run.samples.errors == {}, run.examples
    assert len(run.samples.named(f"message {path}")) >= 6


def test_messages_may_be_bytes_data_and_functions_of_the_call(seen: Seen, load_janitor: Janitor) -> None:
    held(WebSocket(f"{seen.url}/echo", send=each([b"a", "b"]), every=0.05), load_janitor, users=1, seconds=0.3)
    assert {b"a", "b"} == set(seen.messages)

    def numbered(call: Call) -> str:
        return f"{call.user}"

    held(WebSocket(f"{seen.url}/echo", send=numbered, every=0.05), load_janitor, users=3, seconds=0.2)
    assert set(seen.messages) >= {"0", "1", "2"}


def test_the_handshake_carries_the_headers(seen: Seen, load_janitor: Janitor) -> None:
    held(WebSocket(f"{seen.url}/echo", headers={"X-Key": "k"}), load_janitor, users=1, seconds=0.1)
    assert seen.headers == ["k"]


@pytest.mark.parametrize(
    ("path", "name", "error"),
    [
        ("/refuse", "connect", "status 403"),
        ("/leave", "message", "closed 4000"),
        ("/drop", "message", "closed 1006"),
        ("/silent", "message", "timeout"),
    ],
)
def test_every_failure_has_its_category(seen: Seen, load_janitor: Janitor, path: str, name: str, error: str) -> None:
    run = held(WebSocket(seen.url + path, send="x", every=0.1), load_janitor, users=3, deadline=0.2)
    assert set(run.samples.named(f"{name} {path}").errors) == {error}
    assert error in run.examples


def test_a_connection_that_is_lost_is_a_failure_of_its_own_and_its_user_comes_back(
    seen: Seen, load_janitor: Janitor
) -> None:
    run = held(WebSocket(f"{seen.url}/leave", send="x", every=0.05), load_janitor, users=2, seconds=1.8)
    lost = run.samples.named("held /leave")
    assert set(lost.errors) == {"closed 4000"}
    assert "enough" in run.examples["closed 4000"]
    assert len(run.samples.named("connect /leave")) > 2


def test_a_function_that_raises_fails_the_message(seen: Seen, load_janitor: Janitor) -> None:
    def odd(message: str | bytes) -> object:
        raise KeyError("odd")

    run = held(WebSocket(f"{seen.url}/echo", send="x", every=0.05, expect=odd), load_janitor, users=1)
    assert set(run.samples.errors) == {"expect odd"}
    run = held(WebSocket(f"{seen.url}/echo", send=lambda call: call.index, every=0.05), load_janitor, users=1)  # type: ignore[arg-type,return-value]
    assert set(run.samples.errors) == {"UsageError"}


def test_what_is_no_websocket_is_a_failure_of_the_connect(load_janitor: Janitor) -> None:
    with load_server.in_thread() as url:
        address = url.replace("http", "ws")
        assert set(held(WebSocket(f"{address}/ok"), load_janitor).samples.errors) == {"status 200"}
        assert set(held(WebSocket(f"{address}/garbage"), load_janitor).samples.errors) == {"protocol"}
        assert set(held(WebSocket(f"{address}/reset"), load_janitor).samples.errors) == {"reset"}
        assert set(held(WebSocket(f"{address}/hang"), load_janitor, deadline=0.2).samples.errors) == {"timeout"}
    assert set(held(WebSocket(address), load_janitor).samples.errors) == {"refused"}


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: WebSocket("http://h/"),
        lambda: WebSocket("ws://h/", send="x"),
        lambda: WebSocket("ws://h/", every=1),
        lambda: WebSocket("ws://h/", send="x", every=0),
        lambda: WebSocket("ws://h/", deadline=0),
        lambda: WebSocket("ws://h/", expect=7),  # type: ignore[arg-type]
        lambda: WebSocket("ws://h/", expect=lambda: True),  # type: ignore[arg-type]
        lambda: WebSocket("ws://h/", path="/always"),  # type: ignore[arg-type]
        lambda: WebSocket("ws://h/", headers={"a b": "c"}),
    ],
)
def test_a_websocket_that_cannot_be_meant_is_refused_at_once(wrong: object) -> None:
    assert callable(wrong)
    with pytest.raises(UsageError):
        wrong()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rate": 5}, "held by a user"),
        ({"users": 5, "think": 1}, "think=1"),
        ({"users": 5, "connections": 3}, "connections=3"),
    ],
)
def test_what_is_for_calls_is_refused(load_janitor: Janitor, options: dict[str, int], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        prepare(WebSocket("ws://127.0.0.1/"), launcher=load_janitor, **options)  # type: ignore[arg-type]


def test_its_target_has_to_be_allowed(load_janitor: Janitor) -> None:
    load = Loader(load_janitor, seed=7, allowed=Options().check_target)
    with pytest.raises(TargetNotAllowed):
        load(WebSocket("ws://chat.example/"), users=1)


def test_every_connection_may_have_a_path_of_its_own_under_one_name(seen: Seen, load_janitor: Janitor) -> None:
    socket = WebSocket(seen.url, path=lambda call: f"/echo?user={call.user}", name="rooms", send="x", every=0.1)
    run = held(socket, load_janitor, users=3, seconds=0.3)
    assert sorted(seen.paths) == [f"/echo?user={user}" for user in range(3)]
    assert len(run.samples.named("connect rooms")) == 3
    assert run.samples.named("message rooms").errors == {}


def test_a_reply_can_be_told_by_what_was_sent(seen: Seen, load_janitor: Janitor) -> None:
    def own(message: str | bytes, sent: str | bytes) -> bool:
        return message == sent

    socket = WebSocket(f"{seen.url}/push", send=lambda call: f"{call.index}", every=0.05, expect=own)
    assert held(socket, load_janitor, users=2, seconds=0.3).samples.errors == {}
