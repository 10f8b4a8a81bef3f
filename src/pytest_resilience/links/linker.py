"""The linker: what the `link` fixture gives; puts links in front of a test's services and removes them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import Literal, Protocol, overload

from pytest_resilience.errors import UsageError
from pytest_resilience.links.host import LinkServer
from pytest_resilience.links.link import Link
from pytest_resilience.links.packet_link import PacketLink
from pytest_resilience.links.packets.road import PacketRoad
from pytest_resilience.links.target import Reachable, Target


class Lease(Protocol):
    """A port on 127.0.0.1 that nobody else takes."""

    @property
    def port(self) -> int:
        """The port."""


class Linker:
    """Makes links, and removes them all when it is closed.

    :param server: the server behind the links.
    :param lease: leases the port that a link listens at.
    :param allowed: raises `TargetNotAllowed` for a host that may not be touched.
    :param road: makes a packet road to `host:port`.
    :param seed: what choices that the server does not make come from.
    :param made: is told of each link.
    """

    def __init__(
        self,
        server: LinkServer,
        *,
        lease: Callable[[], AbstractContextManager[Lease]],
        allowed: Callable[[str], object],
        road: Callable[[str], PacketRoad],
        seed: int = 0,
        made: Callable[[Link], object] = lambda _: None,
    ) -> None:
        self._server = server
        self._lease = lease
        self._allowed = allowed
        self._seed = seed
        self._made = made
        self._road = road
        self._ends = ExitStack()
        self._names: set[str] = set()

    @overload
    def __call__(
        self, to: Reachable | str, *, name: str = "", opened: bool = True, packets: Literal[False] = False
    ) -> Link: ...

    @overload
    def __call__(
        self, to: Reachable | str, *, name: str = "", opened: bool = True, packets: Literal[True]
    ) -> PacketLink: ...

    @overload
    def __call__(self, to: Reachable | str, *, name: str = "", opened: bool = True, packets: bool) -> Link: ...

    def __call__(self, to: Reachable | str, *, name: str = "", opened: bool = True, packets: bool = False) -> Link:
        """Put a breakable road in front of `to` and return it: connect to `link.url` (or `link.address`) instead.

        :param to: a service, or a URL or `host:port`.
        :param name: how it is called in messages and in the names of its faults; by default after its target.
        :param opened: False: connections are refused until `link.open()`, so that faults can be struck before the
            first connection.
        :param packets: let it lead over a cable of its own, on which packets can be lost: it has the faults `lossy`,
            `partitioned` and `narrowed` as well, and a round trip over it takes some 0.1 ms longer.
        :raises TargetNotAllowed: the target is neither loopback nor allowed by option.
        :raises Unsupported: packets cannot be lost on this machine; the test is skipped with the reason.
        :raises UsageError: the target names no host and port.
        """
        target = self._aim(to)
        wanted = name or (f"{target.name}-link" if target.name else f"link-{target.port}")
        if wanted in self._names:
            raise UsageError(f"link(..., name={wanted!r}): there is a link of that name in this test; choose another")
        self._names.add(wanted)
        leased = self._ends.enter_context(self._lease())
        link = self._make(target, wanted, leased.port, opened=opened, packets=packets)
        self._ends.callback(link.close)
        self._made(link)
        return link

    def _make(self, target: Target, name: str, port: int, *, opened: bool, packets: bool) -> Link:
        client, url, seed, aim = self._server.client, target.url, self._seed, self._aim
        if not packets:
            return Link(client, name, target.address, listen_port=port, url=url, opened=opened, seed=seed, aim=aim)
        road = self._road(target.address)
        try:
            return PacketLink(client, name, road, listen_port=port, url=url, opened=opened, seed=seed, aim=aim)
        except BaseException:
            road.close()
            raise

    def _aim(self, to: Reachable | str) -> Target:
        target = Target.of(to)
        self._allowed(target.host)
        return target

    def close(self) -> None:
        """Remove all links and give their ports back."""
        self._ends.close()
