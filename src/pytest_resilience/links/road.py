"""A road: a port on 127.0.0.1 that leads to a service, and what can be put on it for a while."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from pytest_resilience import timeline
from pytest_resilience.errors import FaultDidNotBite, UsageError
from pytest_resilience.faults.fault import Breakage, Fault
from pytest_resilience.links.receipt import LiveReceipt, Tell, all_of
from pytest_resilience.links.target import Reachable, Target
from pytest_resilience.links.toxiproxy import RequestFailed, Touched, Toxic, Toxiproxy

# What only the embedded server can do. The real one would ignore it, and that would be another fault.
_OURS = {"first", "every", "after_bytes", "only_new", "losing", "live"}


@dataclass(frozen=True)
class Traffic:
    """What has gone through a link since it was made.

    :ivar connections: connections accepted.
    :ivar open: of these, the ones that are open now.
    :ivar bytes_up: bytes received from clients.
    :ivar bytes_down: bytes received from the service.
    """

    connections: int
    open: int
    bytes_up: int
    bytes_down: int


class Road:
    """A road from a port on 127.0.0.1 to `upstream`; `close` removes it.

    :param name: what it is called in messages and on the server; unique there.
    :param upstream: `host:port` of the service.
    :param listen_port: the port to listen at, which it keeps over every fault; 0: any.
    :param url: the URL of the service: `link.url` is the same one by way of the link.
    :param opened: whether it accepts connections from the start; if not, `open` lets it.
    :param seed: what choices that are made here, not by the server, come from.
    :param aim: finds the target that `point_at` is given, and refuses what may not be touched.
    :raises LinkServerError: the server cannot be reached, or the port cannot be bound.
    """

    def __init__(
        self,
        client: Toxiproxy,
        name: str,
        upstream: str,
        *,
        listen_port: int = 0,
        url: str = "",
        opened: bool = True,
        seed: int = 0,
        aim: Callable[[Reachable | str], Target] = Target.of,
    ) -> None:
        host, colon, port = upstream.rpartition(":")
        if not name or "/" in name:
            raise UsageError(f"Link: name={name!r} must be a name without slashes")
        if not colon or not host or not port.isdigit():
            raise UsageError(f"Link {name}: upstream={upstream!r} must be host:port, as in 127.0.0.1:6379")
        self._client = client
        self._closed = False
        self._opened = opened
        self._seed = seed
        self._aim = aim
        self.name = name
        self.upstream = upstream
        self.host = "127.0.0.1"
        state = client.create(name, listen=f"{self.host}:{listen_port}", upstream=upstream)
        if not opened:  # nobody knows of its port yet
            client.update(name, enabled=False)
        self.port = int(state.listen.rpartition(":")[2])
        self.url = Target(host, int(port), url).by_way_of(self.address)

    @property
    def address(self) -> str:
        """`host:port` to connect to."""
        return f"{self.host}:{self.port}"

    @property
    def traffic(self) -> Traffic:
        """What has gone through it so far: `assert link.traffic.connections` shows that it is in use."""
        stats = self._client.stats(self.name)
        return Traffic(stats.accepted, stats.open, stats.bytes_up, stats.bytes_down)

    def open(self) -> None:
        """Accept connections from here on, where it was made with `opened=False`; until then they are refused.

        What was struck before works on the first connection from its first byte.
        """
        self._client.update(self.name, enabled=True)
        self._opened = True

    def point_at(self, other: Reachable | str) -> None:
        """Lead somewhere else from here on, at the same port, as after a failover.

        Connections to the old target are closed; faults that are in force stay. Where `other` has a URL, `url` becomes
        the same one by way of the link.

        :param other: a service, or a URL or `host:port`.
        :raises TargetNotAllowed: it is neither loopback nor allowed by option.
        :raises UsageError: it names no host and port.
        """
        target = self._aim(other)
        self._lead_to(target)
        self.upstream = target.address
        if target.url:
            self.url = target.by_way_of(self.address)
        timeline.current().mark(f"{self.name} leads to {target.name or target.address}")

    def close(self) -> None:
        """Remove it and close its connections; may be called again."""
        if not self._closed:
            self._client.delete(self.name)
            self._closed = True

    def _lead_to(self, target: Target) -> None:
        self._client.update(self.name, upstream=target.address)

    def _under(self, who: str, toxics: Sequence[Toxic], tell: Tell, *, optional: bool) -> Fault:
        """Return the fault of having toxics on it."""

        def breakage() -> Breakage:
            with self._having(who, toxics) as total:
                receipt = LiveReceipt(lambda: tell(total()), optional=optional)
                yield receipt
                receipt.settle()

        return Fault(who, breakage)

    @contextmanager
    def _having(self, who: str, toxics: Sequence[Toxic]) -> Generator[Callable[[], Touched], None, None]:
        """Put toxics on for as long as it lasts; give what tells what they have touched so far."""

        def total() -> Touched:
            known = self._client.stats(self.name).toxics
            return all_of([known[toxic.name] for toxic in toxics if toxic.name in known])

        beyond = _OURS.intersection(*[toxic.attributes for toxic in toxics])
        if beyond and not self._client.counts():
            raise UsageError(
                f"{who}: {', '.join(sorted(beyond))} is beyond what the Toxiproxy in use can do; "
                "run it on the embedded link server, or do without"
            )
        with ExitStack() as healing:
            for toxic in toxics:
                self._add(who, toxic)
                healing.callback(self._remove, toxic)
            in_force = {toxic.name for toxic in self._client.proxy(self.name).toxics}
            if missing := {toxic.name for toxic in toxics} - in_force:
                raise FaultDidNotBite(f"{who}: the link server took {', '.join(missing)} and does not have it")
            yield total

    def _add(self, who: str, toxic: Toxic) -> None:
        try:
            self._client.add_toxic(self.name, toxic)
        except RequestFailed as failure:
            if failure.status == 400:
                raise UsageError(
                    f"{who}: the link server refuses {toxic.type!r} with {toxic.attributes}: {failure.body}"
                ) from failure
            raise

    def _remove(self, toxic: Toxic) -> None:
        try:
            self._client.remove_toxic(self.name, toxic.name)
        except RequestFailed as failure:
            if failure.status != 404:  # the test has reset the server: it is healed
                raise

    def __repr__(self) -> str:
        state = "closed, " if self._closed else "" if self._opened else "not open yet, "
        return f"<Link {self.name}: {state}{self.address} -> {self.upstream}>"
