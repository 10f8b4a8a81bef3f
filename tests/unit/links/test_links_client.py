"""Clients: our own, and toxiproxy-python unchanged."""

from __future__ import annotations

import socket

import pytest
import toxiproxy

from pytest_resilience.errors import LinkServerError
from pytest_resilience.links.toxiproxy import RequestFailed, Toxic, Toxiproxy


def test_the_python_client_of_toxiproxy_drives_it(clean_server):
    theirs = toxiproxy.Toxiproxy()
    theirs.update_api_consumer("127.0.0.1", clean_server.port)
    try:
        assert theirs.running()
        assert theirs.version() == b'{"version": "2.12.0"}\n'
        proxy = theirs.create(upstream="127.0.0.1:1", name="theirs")
        proxy.add_toxic(type="latency", attributes={"latency": 5})
        assert proxy.get_toxic("latency_downstream").attributes == {"latency": 5, "jitter": 0}
        with proxy.down():
            assert not theirs.get_proxy("theirs").enabled
        assert theirs.get_proxy("theirs").enabled
        theirs.reset()
        assert proxy.toxics() == {}
        theirs.populate([{"name": "more", "upstream": "127.0.0.1:1", "listen": "127.0.0.1:0"}])
        theirs.destroy_all()
        assert theirs.proxies() == {}
    finally:
        theirs.update_api_consumer("127.0.0.1", 8474)


def test_our_client_reads_what_it_wrote(road):
    toxic = Toxic("slow", "latency", "upstream", 0.5, {"latency": 20, "jitter": 5})
    assert road.client.add_toxic(road.name, toxic) == toxic
    assert road.client.proxy(road.name).toxics == (toxic,)
    changed = Toxic("slow", "latency", "upstream", 1.0, {"latency": 30, "jitter": 5})
    assert road.client.change_toxic(road.name, changed) == changed
    road.client.reset()
    assert road.client.proxies()[road.name].toxics == ()


def test_a_name_is_quoted_in_paths(clean_server):
    client = clean_server.client
    client.create("a b?c%d", listen="127.0.0.1:0", upstream="127.0.0.1:1")
    assert client.proxy("a b?c%d").name == "a b?c%d"
    client.delete("a b?c%d")


def test_a_refusal_says_what_was_asked_and_what_was_answered(clean_server):
    with pytest.raises(RequestFailed, match=r"GET /proxies/missing: answered 404: .*proxy not found") as failure:
        clean_server.client.proxy("missing")
    assert isinstance(failure.value, LinkServerError)
    assert (failure.value.method, failure.value.path, failure.value.status) == ("GET", "/proxies/missing", 404)
    assert "proxy not found" in failure.value.body


def test_a_server_that_does_not_answer_is_given_up():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = Toxiproxy("127.0.0.1", silent.getsockname()[1], timeout=0.05)
        with pytest.raises(RequestFailed, match=r"no answer: TimeoutError.*within 0.05 s"):
            client.proxies()


def test_a_server_that_is_not_there_is_named():
    with pytest.raises(RequestFailed, match=r"127\.0\.0\.1:1: GET /version: no answer: ConnectionRefusedError"):
        Toxiproxy("127.0.0.1", 1).version()
