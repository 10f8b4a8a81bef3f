"""The linker: what may be linked, by which name, and that all links go when it is closed."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType

import pytest
from links_harness import Server

from pytest_resilience.errors import TargetNotAllowed, UsageError
from pytest_resilience.links.linker import Linker
from pytest_resilience.links.packets.road import PacketRoad
from pytest_resilience.options import Options


class Lease:
    """A port of the kernel's choice, which notes that it was given back."""

    def __init__(self, returned: list[int]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self._returned = returned

    def __enter__(self) -> Lease:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._returned.append(self.port)


@dataclass
class Service:
    name: str
    url: str


@pytest.fixture
def returned() -> list[int]:
    return []


def no_packets(address: str) -> PacketRoad:
    raise NotImplementedError(f"no test of this file asks for packets, to {address}")


@pytest.fixture
def link(clean_server: Server, returned: list[int]) -> Iterator[Linker]:
    allowed = Options(allow_targets=frozenset({"staging.example"})).check_target
    linker = Linker(clean_server, lease=lambda: Lease(returned), allowed=allowed, road=no_packets, seed=1)
    yield linker
    linker.close()


def test_a_link_is_named_after_its_service_and_has_its_url_by_another_port(link: Linker) -> None:
    road = link(Service("postgres", "postgresql://postgres@127.0.0.1:5432/test"))
    assert road.name == "postgres-link"
    assert road.upstream == "127.0.0.1:5432"
    assert road.url == f"postgresql://postgres@127.0.0.1:{road.port}/test"


@pytest.mark.parametrize(
    ("to", "upstream", "url"),
    [
        ("127.0.0.1:7000", "127.0.0.1:7000", ""),
        ("localhost:7000", "localhost:7000", ""),
        ("http://127.0.0.1:7000/x?y=1", "127.0.0.1:7000", "http://127.0.0.1:{port}/x?y=1"),
        ("[::1]:7000", "[::1]:7000", ""),
        ("redis://:secret@127.0.0.1:7000/0", "127.0.0.1:7000", "redis://:secret@127.0.0.1:{port}/0"),
    ],
)
def test_an_address_or_a_url_can_be_linked(link: Linker, to: str, upstream: str, url: str) -> None:
    road = link(to)
    assert (road.name, road.upstream) == ("link-7000", upstream)
    if url:
        assert road.url == url.format(port=road.port)
    else:
        assert road.address in road.url


def test_a_link_can_be_linked(link: Linker) -> None:
    far = link("127.0.0.1:7000", name="far")
    near = link(far)
    assert (near.name, near.upstream) == ("far-link", far.address)


def test_a_host_that_was_allowed_by_option_can_be_linked(link: Linker) -> None:
    assert link("staging.example:7000").upstream == "staging.example:7000"


def test_all_links_go_when_it_is_closed_and_their_ports_after_them(
    link: Linker, clean_server: Server, returned: list[int]
) -> None:
    ports = [link("127.0.0.1:7000", name=name).port for name in ("one", "two")]
    assert set(clean_server.client.proxies()) == {"one", "two"}
    link.close()
    assert clean_server.client.proxies() == {}
    assert returned == ports[::-1]


def test_a_host_that_is_not_loopback_is_refused_with_the_option_that_allows_it(
    link: Linker, clean_server: Server
) -> None:
    with pytest.raises(TargetNotAllowed, match=r"'db\.example'.*--resilience-allow-target=db\.example"):
        link("db.example:5432")
    assert clean_server.client.proxies() == {}


@pytest.mark.parametrize("first", ["named", "by its target"])
def test_a_second_link_of_one_name_is_refused_and_says_what_to_do(link: Linker, first: str) -> None:
    service = Service("postgres", "postgresql://127.0.0.1:5432")
    link(service, name="postgres-link" if first == "named" else "")
    with pytest.raises(UsageError, match=r"name='postgres-link'.*choose another"):
        link(service)
    assert link(service, name="another").name == "another"


@pytest.mark.parametrize(
    ("to", "message"),
    [
        ("postgres", "expected a service, host:port, or a URL"),
        ("http://127.0.0.1/", "expected a service, host:port, or a URL"),
        (":5432", "expected a service, host:port, or a URL"),
        ("127.0.0.1:99999", "[Pp]ort"),
        ("127.0.0.1:http", "[Pp]ort"),
        (5432, "a link to 5432.*of type int"),
        (None, "of type NoneType"),
        (("127.0.0.1", 5432), "of type tuple"),
    ],
)
def test_what_is_no_address_is_refused(link: Linker, to: object, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        link(to)  # type: ignore[arg-type]


def test_a_name_with_a_slash_is_refused(link: Linker) -> None:
    with pytest.raises(UsageError, match="without slashes"):
        link("127.0.0.1:7000", name="a/b")
