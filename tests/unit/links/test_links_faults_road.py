"""The road itself: where it leads, its port, and faults that are there before the first connection."""

from __future__ import annotations

import threading
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
from echo_harness import ask, connect, echo_service
from links_harness import is_closed, read_exactly

from pytest_resilience.errors import TargetNotAllowed, UsageError
from pytest_resilience.links.link import Link
from pytest_resilience.links.linker import Linker
from pytest_resilience.links.target import Target


@pytest.fixture
def other():
    """The address of a service that greets with `other`."""
    with echo_service(b"other") as address:
        yield address


def test_a_link_can_be_pointed_elsewhere_at_the_same_port(link, other):
    port = link.port
    with connect(link) as old:
        ask(old)
        link.point_at(other)
        assert is_closed(old)
    assert (link.port, link.upstream) == (port, other)
    with connect(link) as end:
        assert read_exactly(end, 5) == b"other"


def test_nobody_is_refused_while_a_link_is_pointed_elsewhere(link, other, echo):
    refused, over = [], threading.Event()

    def knock() -> None:
        while not over.is_set():
            try:
                connect(link).close()
            except ConnectionRefusedError as refusal:
                refused.append(refusal)

    knocking = threading.Thread(target=knock)
    knocking.start()
    for _ in range(50):
        link.point_at(other)
        link.point_at(echo)
    over.set()
    knocking.join()
    assert refused == []
    assert link.traffic.connections > 0


def test_a_link_that_already_leads_there_keeps_its_connections(link, echo):
    with connect(link) as end:
        ask(end)
        link.point_at(echo)
        ask(end)


def test_faults_and_their_receipts_stay_over_a_failover(link, other):
    with link.slowed(0.03, direction="downstream") as fault:
        link.point_at(other)
        with connect(link) as end:
            assert read_exactly(end, 5) == b"other"
            assert ask(end) >= 0.03
    assert fault.receipt.counts["bytes_delayed"] == 9


def test_a_link_may_be_pointed_elsewhere_while_it_is_down_and_leads_there_when_it_is_up(link, other):
    with link.severed(optional=True):
        link.point_at(other)
        with pytest.raises(ConnectionRefusedError):
            connect(link)
    with connect(link) as end:
        assert read_exactly(end, 5) == b"other"


def test_a_target_is_a_service_a_url_or_an_address(link, other):
    link.point_at(f"redis://:secret@{other}/1")
    assert link.url == f"redis://:secret@{link.address}/1"
    link.point_at(SimpleNamespace(name="standby", url=f"http://{other}"))
    assert link.url == f"http://{link.address}"
    link.point_at(other)
    assert link.url == f"http://{link.address}"


@pytest.mark.parametrize("target", ["127.0.0.1", "redis://", "127.0.0.1:port", "http://[::1"])
def test_a_target_needs_a_host_and_a_port(link, target):
    with pytest.raises(UsageError, match="a link to"):
        link.point_at(target)


def test_an_ipv6_target_has_its_brackets():
    assert Target.of("redis://[::1]:6379/0").address == "[::1]:6379"


@pytest.fixture
def linker(link_server):
    def allowed(host: str) -> None:
        if host != "127.0.0.1":
            raise TargetNotAllowed(f"{host} is not allowed")

    linker = Linker(
        SimpleNamespace(client=link_server.client),
        lease=lambda: nullcontext(SimpleNamespace(port=0)),
        allowed=allowed,
        road=lambda _: pytest.fail("no packets were asked for"),
    )
    yield linker
    linker.close()


def test_a_linker_lets_no_link_lead_to_what_is_not_allowed(linker, echo):
    link = linker(echo, name="allowed")
    with pytest.raises(TargetNotAllowed):
        link.point_at("192.0.2.1:80")
    with connect(link) as end:
        ask(end)
    with pytest.raises(TargetNotAllowed):
        linker("192.0.2.1:80")


def test_a_fault_that_is_struck_before_the_link_opens_meets_the_first_connection_from_its_first_byte(linker, echo):
    link = linker(echo, name="late", opened=False)
    with pytest.raises(ConnectionRefusedError):
        connect(link)
    assert "not open yet" in repr(link)
    with link.limited(3) as fault:
        link.open()
        with connect(link) as end:
            end.sendall(b"hello")
            assert read_exactly(end, 5) == b"hel"
    assert fault.receipt.counts == {"connections_cut_short": 1}
    with connect(link) as end:
        ask(end)


def test_a_link_that_is_not_open_cannot_be_cut(linker, echo):
    link = linker(echo, name="shut", opened=False)
    for fault in (link.severed(), link.flapping(up=1, down=1)):
        with pytest.raises(UsageError, match="not open yet.*open\\(\\) it first"), fault:
            pass
    with pytest.raises(ConnectionRefusedError):
        connect(link)


def test_a_link_without_a_port_of_its_choice_can_be_made_shut(link_server, echo):
    link = Link(link_server.client, "shut", echo, opened=False)
    with pytest.raises(ConnectionRefusedError):
        connect(link)
    link.open()
    with connect(link) as end:
        ask(end)
    link.close()


def test_a_link_outlives_its_target_and_finds_it_again(link_server):
    with echo_service() as first:
        link = Link(link_server.client, "lasting", first)
        with connect(link) as end:
            ask(end)
    with connect(link) as end:
        assert is_closed(end)
    with echo_service() as second:
        link.point_at(second)
        with connect(link) as end:
            ask(end)
    link.close()
