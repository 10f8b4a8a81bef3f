"""Tests of rooms over two instances."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from clinic_processes import Start
from websockets.sync.client import ClientConnection, connect

from pytest_resilience import RedisServer, wait_until


def enter(url: str, room: str) -> ClientConnection:
    return connect(f"{url.replace('http', 'ws')}/rooms/{room}")


def hear(member: ClientConnection) -> dict[str, Any]:
    frame: dict[str, Any] = json.loads(member.recv(timeout=5))
    return frame


@pytest.fixture
def pair(start: Start) -> Iterator[tuple[ClientConnection, ClientConnection]]:
    """Two members of one room, on two instances."""
    here, there = start("web", INSTANCE="here").url, start("web", INSTANCE="there").url
    with enter(here, "tea") as ada, enter(there, "tea") as ben:
        assert [hear(ada)["instance"], hear(ben)["instance"]] == ["here", "there"]
        yield ada, ben


def test_what_is_said_reaches_all_members_on_all_instances(pair: tuple[ClientConnection, ClientConnection]) -> None:
    ada, ben = pair
    ada.send("hello")
    heard = [hear(ada), hear(ben)]
    assert heard[0] == heard[1]
    assert (heard[0]["type"], heard[0]["text"], heard[0]["instance"]) == ("message", "hello", "here")


def test_another_room_hears_nothing(start: Start) -> None:
    url = start("web").url
    with enter(url, "tea") as ada, enter(url, "coffee") as eve:
        assert [hear(ada)["type"], hear(eve)["room"]] == ["joined", "coffee"]
        ada.send("secret")
        assert hear(ada)["text"] == "secret"
        eve.send("mine")
        assert hear(eve)["text"] == "mine"


def test_a_message_that_is_too_long_is_refused(start: Start) -> None:
    with enter(start("web").url, "tea") as ada:
        hear(ada)
        ada.send("x" * 4097)
        assert hear(ada) == {"type": "error", "error": "too_long", "limit": 4096}


def test_members_are_told_of_a_lost_subscription_and_hear_again_afterwards(
    pair: tuple[ClientConnection, ClientConnection], redis_server: RedisServer
) -> None:
    ada, ben = pair
    with redis.Redis.from_url(redis_server.url) as client:
        client.client_kill_filter(_type="pubsub")
    for member in pair:
        assert [hear(member)["type"], hear(member)["type"]] == ["interrupted", "restored"]
    ben.send("still here?")
    assert [hear(ada)["text"], hear(ben)["text"]] == ["still here?", "still here?"]


def test_who_has_left_is_forgotten(start: Start) -> None:
    import httpx

    url = start("web").url
    with enter(url, "tea") as ada:
        hear(ada)
        assert "clinic_room_members 1" in httpx.get(f"{url}/metrics").text
    wait_until(lambda: "clinic_room_members 0" in httpx.get(f"{url}/metrics").text, within=5)
