"""`/populate`: many proxies at once."""

from __future__ import annotations

import json
import socket

import pytest


@pytest.fixture
def populate(clean_server):
    return lambda body: clean_server.ask("POST", "/populate", body)


def proxies(*names: str, **fields: object) -> list[dict[str, object]]:
    return [{"name": name, "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1", **fields} for name in names]


def test_all_are_made_and_returned(populate, clean_server):
    answer = populate(proxies("b", "a"))
    assert (answer.status, answer.headers["Content-Type"]) == (201, "application/json")
    assert [proxy["name"] for proxy in json.loads(answer.body)["proxies"]] == ["b", "a"]
    assert sorted(clean_server.client.proxies()) == ["a", "b"]


def test_an_empty_list_makes_nothing(populate):
    answer = populate([])
    assert (answer.status, answer.body) == (201, b'{"proxies":null}')


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ([*proxies("a"), {"upstream": "x"}], "missing required field: name at proxy 2"),
        ([{"name": "a"}], "missing required field: upstream at proxy 1"),
        (b"", "bad request body: EOF"),
    ],
)
def test_nothing_is_made_of_a_list_that_is_not_valid(populate, clean_server, body, message):
    answer = populate(body)
    assert answer.status == 400
    assert answer.body == f'{{"error":"{message}","status":400,"proxies":null}}'.encode()
    assert answer.headers["Content-Type"] == "application/json"
    assert clean_server.client.proxies() == {}


def test_an_object_is_no_list(populate):
    answer = populate({"name": "a"})
    assert answer.status == 400
    assert b"json: cannot unmarshal object into Go value of type []struct" in answer.body


def test_a_proxy_with_the_same_addresses_is_left_alone_with_its_toxics(populate, clean_server):
    populate(proxies("a"))
    listen = clean_server.client.proxy("a").listen
    clean_server.ask("POST", "/proxies/a/toxics", {"type": "noop"})
    answer = populate(proxies("a", listen=listen, enabled=False))
    assert answer.status == 201
    (left,) = json.loads(answer.body)["proxies"]
    assert left["enabled"] is True
    assert [toxic["name"] for toxic in left["toxics"]] == ["noop_downstream"]


def test_a_proxy_with_other_addresses_is_replaced_without_its_toxics(populate, clean_server):
    populate(proxies("a"))
    clean_server.ask("POST", "/proxies/a/toxics", {"type": "noop"})
    (replaced,) = json.loads(populate(proxies("a", upstream="127.0.0.1:2")).body)["proxies"]
    assert (replaced["upstream"], replaced["toxics"]) == ("127.0.0.1:2", [])


def test_what_was_made_before_one_could_not_be_bound_stays(populate, clean_server):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = "{}:{}".format(*taken.getsockname())
        answer = populate([*proxies("a"), *proxies("b", listen=address), *proxies("c")])
    failure = json.loads(answer.body)
    assert (answer.status, failure["status"]) == (500, 500)
    assert failure["error"] == f"listen tcp {address}: bind: address already in use"
    assert [proxy["name"] for proxy in failure["proxies"]] == ["a"]
    assert sorted(clean_server.client.proxies()) == ["a"]


def test_toxics_in_the_list_are_ignored(populate):
    (made,) = json.loads(populate(proxies("a", toxics=[{"type": "latency"}])).body)["proxies"]
    assert made["toxics"] == []
