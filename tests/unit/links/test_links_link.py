"""A link's faults bite, say what they did, and heal; and a link says how it was misused."""

from __future__ import annotations

import math

import pytest
from echo_harness import ask, connect
from links_harness import is_closed

from pytest_resilience.errors import FaultDidNotBite, LinkServerError, UsageError
from pytest_resilience.links.link import Link, Traffic


def test_a_severed_link_cuts_refuses_and_comes_back_at_its_port(link):
    port = link.port
    with connect(link) as end:
        ask(end)
        with link.severed() as partition:
            assert partition.receipt.counts["connections_cut"] == 1
            assert is_closed(end)
            for _ in range(2):
                with pytest.raises(ConnectionRefusedError):
                    connect(link)
    counts = partition.receipt.counts
    assert counts.get("connections_refused", 2) == 2
    assert link.port == port
    with connect(link) as end:
        ask(end)


def test_a_silently_severed_link_leaves_both_sides_waiting(link):
    with connect(link) as old:
        ask(old)
        with link.severed(silently=True) as partition, connect(link, timeout=0.1) as new:
            new.sendall(b"hello?")
            with pytest.raises(TimeoutError):
                new.recv(1)
        assert is_closed(old)
    assert partition.receipt.counts == {"connections_silenced": 1, "chunks_dropped": 1, "bytes_dropped": 6}


@pytest.mark.parametrize("direction", ["upstream", "downstream"])
def test_one_direction_can_be_severed(link, direction):
    with connect(link, timeout=0.1) as end:
        with link.severed(direction=direction, silently=True) as partition:
            end.sendall(b"hello?")
            with pytest.raises(TimeoutError):
                end.recv(1)
    assert partition.receipt.counts["bytes_dropped"] == 6
    traffic = link.traffic
    assert (traffic.bytes_up, traffic.bytes_down) == (6, 6 if direction == "downstream" else 0)


def test_a_slowed_link_adds_its_latency_each_way(link):
    with connect(link) as end:
        with link.slowed(0.03) as delay:
            assert ask(end) >= 0.06
        with link.slowed(0.04, direction="upstream"):
            assert ask(end) >= 0.04
    assert delay.receipt.counts == {"connections_slowed": 1, "chunks_delayed": 2, "bytes_delayed": 8}


def test_jitter_spreads_the_latency(link):
    with connect(link) as end, link.slowed(0.010, jitter=0.010, direction="downstream"):
        times = [ask(end) for _ in range(20)]
    assert max(times) - min(times) > 0.004


def test_faults_of_different_kinds_are_in_force_together(link):
    with connect(link) as end, link.slowed(0.02) as delay:
        ask(end)
        with link.severed() as partition:
            assert is_closed(end)
            assert delay.in_force
    assert (delay.receipt.counts["chunks_delayed"], partition.receipt.counts["connections_cut"]) == (2, 1)


def test_a_fault_that_touched_nothing_did_not_bite(link):
    for fault in (link.slowed(0.1), link.severed(silently=True), link.severed()):
        with pytest.raises(FaultDidNotBite, match="echo"), fault:
            pass
    with link.slowed(0.1, optional=True), link.severed(optional=True):
        pass


def test_a_fault_is_inert_until_it_is_entered_and_may_be_entered_again(link):
    slowed = link.slowed(0.02)
    with connect(link) as end:
        ask(end)
        for _ in range(2):
            with slowed:
                assert ask(end) >= 0.04


def test_a_reset_of_the_server_in_the_middle_of_a_fault_is_a_heal(link, link_server):
    with link.slowed(5, optional=True):
        link_server.client.reset()
    with connect(link) as end:
        ask(end)


def test_a_fault_that_cannot_be_put_on_whole_leaves_nothing(link, link_server):
    link_server.ask("POST", f"/proxies/{link.name}/toxics", {"type": "noop", "name": "slowed_downstream"})
    with pytest.raises(LinkServerError, match="toxic already exists"), link.slowed(0.1):
        pass
    assert [toxic.name for toxic in link_server.client.proxy(link.name).toxics] == ["slowed_downstream"]


def test_traffic_shows_that_the_link_is_in_use(link, until):
    assert link.traffic == Traffic(0, 0, 0, 0)
    with connect(link) as end:
        ask(end)
        assert link.traffic == Traffic(connections=1, open=1, bytes_up=4, bytes_down=4)
    until(lambda: link.traffic.open == 0)


@pytest.mark.parametrize(
    ("url", "by_way"),
    [
        ("redis://:secret@127.0.0.1:1/0", "redis://:secret@{}/0"),
        ("postgresql://u:p@localhost:5432/db?sslmode=disable", "postgresql://u:p@{}/db?sslmode=disable"),
        ("http://127.0.0.1:1", "http://{}"),
        ("", "tcp://{}"),
    ],
)
def test_the_url_is_that_of_the_service_by_way_of_the_link(link_server, echo, url, by_way):
    link = Link(link_server.client, "way", echo, url=url)
    assert link.url == by_way.format(link.address)
    link.close()


def test_a_closed_link_is_gone_and_may_be_closed_again(link, link_server):
    link.close()
    link.close()
    assert link.name not in link_server.client.proxies()
    assert "closed" in repr(link)


def test_a_port_may_be_chosen_and_one_that_is_taken_is_an_error(link, link_server, echo):
    with pytest.raises(LinkServerError, match="address already in use"):
        Link(link_server.client, "second", echo, listen_port=link.port)
    port = link.port
    link.close()
    again = Link(link_server.client, "second", echo, listen_port=port)
    assert again.port == port
    again.close()


@pytest.mark.parametrize(
    ("misuse", "message"),
    [
        (lambda link: link.slowed(-1), "latency=-1 must be seconds"),
        (lambda link: link.slowed("1s"), "latency='1s' must be seconds"),
        (lambda link: link.slowed(True), "latency=True must be seconds"),
        (lambda link: link.slowed(math.inf), "latency=inf must be seconds"),
        (lambda link: link.slowed(0), "latency=0 must be at least 0.001"),
        (lambda link: link.slowed(0.1, jitter=0.2), "jitter=0.2 must be at most the latency, 0.1"),
        (lambda link: link.slowed(0.1, toxicity=2), "toxicity=2 must be a share above 0 and at most 1"),
        (lambda link: link.slowed(0.1, toxicity=0), "toxicity=0 must be a share"),
        (lambda link: link.slowed(0.1, direction="up"), "direction='up' must be one of 'both', 'upstream'"),
        (lambda link: link.severed(direction=None), "direction=None must be one of"),
        (lambda link: link.severed(direction="upstream"), "needs silently=True"),
    ],
)
def test_what_cannot_be_meant_is_refused_when_it_is_said(link, misuse, message):
    with pytest.raises(UsageError) as refusal:
        misuse(link)
    assert message in str(refusal.value)
    assert "echo" in str(refusal.value)


@pytest.mark.parametrize(("name", "upstream"), [("", "a:1"), ("a/b", "a:1"), ("a", "127.0.0.1"), ("a", "a:http")])
def test_a_link_needs_a_name_and_an_address(link_server, name, upstream):
    with pytest.raises(UsageError, match="must be"):
        Link(link_server.client, name, upstream)
