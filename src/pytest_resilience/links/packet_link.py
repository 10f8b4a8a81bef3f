"""A packet link: a link with a stretch of road where the packets themselves can be dropped."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pytest_resilience.errors import UsageError
from pytest_resilience.faults.fault import Breakage, Fault
from pytest_resilience.links.link import Link
from pytest_resilience.links.packets.road import PacketRoad
from pytest_resilience.links.receipt import Counts, LiveReceipt
from pytest_resilience.links.scope import Direction, is_number
from pytest_resilience.links.target import Reachable, Target
from pytest_resilience.links.toxiproxy import DOWNSTREAM, UPSTREAM, Toxiproxy

_DIRECTIONS = {"both": (UPSTREAM, DOWNSTREAM), UPSTREAM: (UPSTREAM,), DOWNSTREAM: (DOWNSTREAM,)}
_LEAST, _MOST = 1_000, 1_000_000_000  # bytes per second


class PacketLink(Link):
    """A link whose second half is TCP over a cable of its own, in private network namespaces.

    It has all faults of a link, and those of packets: the kernel drops real packets between two real TCP
    stacks, which retransmit and back off as they do over any network that loses them.

    :param road: the second half, which ends with this link.
    """

    def __init__(
        self,
        client: Toxiproxy,
        name: str,
        road: PacketRoad,
        *,
        listen_port: int = 0,
        url: str = "",
        opened: bool = True,
        seed: int = 0,
        aim: Callable[[Reachable | str], Target] = Target.of,
    ) -> None:
        entrance = f"127.0.0.1:{road.port}"
        super().__init__(client, name, entrance, listen_port=listen_port, url=url, opened=opened, seed=seed, aim=aim)
        self._packets = road
        self.upstream = road.target

    def close(self) -> None:
        """Remove it and close its connections; may be called again."""
        try:
            super().close()
        finally:
            self._packets.close()

    @property
    def retransmitted(self) -> int:
        """How many TCP segments had to be sent again on this link so far, as the kernel counts them."""
        return sum(self._packets.retransmitted().values())

    def lossy(self, share: float, *, direction: Direction = "both", optional: bool = False) -> Fault:
        """Lose a share of the packets, each by chance: data, acknowledgements, and those that open a connection.

        TCP sends again what was lost: after 0.2 s as a rule, at the first packet of a connection after 1 s, and
        twice as long each further time; under steady traffic sooner. Which packets are lost is the kernel's random
        choice, and does not come from the seed.

        :param share: of the packets that is lost, above 0 and below 1.
        :param direction: `both`, `upstream` (what clients send) or `downstream` (what the service answers). Lost
            acknowledgements of the one direction travel in the other.
        :param optional: it may touch nothing.
        :raises UsageError: an argument cannot be meant.
        """
        if not is_number(share) or not 0.000_001 <= share < 1:
            raise UsageError(
                f"{self.name}.lossy: share={share!r} must be above 0 and below 1; all packets are lost by partitioned()"
            )
        directions = self._way("lossy", direction)
        return Fault(f"{self.name}.lossy", lambda: self._dropping("lossy", share, directions, optional=optional))

    def partitioned(self, *, direction: Direction = "both", optional: bool = False) -> Fault:
        """Lose all packets: nobody is told, connections stay, and both sides retransmit ever more rarely.

        When it heals, the connections that were not given up carry on with the next retransmission, nothing lost:
        after a partition of t seconds that takes up to t seconds more.

        :param direction: `both`; or `upstream` (what clients send is lost) or `downstream` (what the service
            answers is). Acknowledgements are lost as well, so in the end either stops all data.
        :param optional: it may touch nothing.
        :raises UsageError: an argument cannot be meant.
        """
        directions = self._way("partitioned", direction)
        return Fault(
            f"{self.name}.partitioned", lambda: self._dropping("partitioned", 1.0, directions, optional=optional)
        )

    def narrowed(
        self, rate: float, *, queue: float = 0.2, direction: Direction = "both", optional: bool = False
    ) -> Fault:
        """Let packets through at a rate, as a slow line does: a queue in front of it, and loss where that is full.

        :param rate: bytes per second in each direction, headers included: from 1,000 to 1e9.
        :param queue: seconds that a packet waits at most; one that would wait longer is dropped, from 0.01 to 10.
        :param direction: `both`, `upstream` (what clients send) or `downstream` (what the service answers).
        :param optional: it may touch nothing.
        :raises UsageError: an argument cannot be meant.
        """
        for what, value, least, most in (("rate", rate, _LEAST, _MOST), ("queue", queue, 0.01, 10)):
            if not is_number(value) or not least <= value <= most:
                raise UsageError(f"{self.name}.narrowed: {what}={value!r} must be from {least:,} to {most:,}")
        directions = self._way("narrowed", direction)
        return Fault(
            f"{self.name}.narrowed", lambda: self._narrowing(round(rate), queue, directions, optional=optional)
        )

    def _lead_to(self, target: Target) -> None:
        self._packets.point_at(target.address)

    def _dropping(self, rule: str, share: float, directions: Sequence[str], *, optional: bool) -> Breakage:
        packets, before = self._packets, self.retransmitted

        def read() -> Counts:
            lost = packets.dropped(rule, directions)
            if not lost.dropped:  # what passed, and what was sent again for an older loss, makes no bite
                return {"packets_dropped": 0}
            again = self.retransmitted - before
            return {"packets_dropped": lost.dropped, "packets_seen": lost.seen, "segments_retransmitted": again}

        packets.drop(rule, share, directions)
        receipt = LiveReceipt(read, optional=optional)
        yield receipt
        try:
            receipt.settle()
        finally:
            packets.mend(rule, directions)

    def _narrowing(self, rate: int, queue: float, directions: Sequence[str], *, optional: bool) -> Breakage:
        packets = self._packets

        def read() -> Counts:
            held, dropped = packets.held_back(directions)
            return {"packets_held_back": held, "packets_dropped": dropped}

        packets.narrow(rate, queue, directions)
        receipt = LiveReceipt(read, optional=optional)
        yield receipt
        try:
            receipt.settle()
        finally:
            packets.widen(directions)

    def _way(self, what: str, direction: str) -> tuple[str, ...]:
        try:
            return _DIRECTIONS[direction]
        except (KeyError, TypeError):
            expected = ", ".join(map(repr, _DIRECTIONS))
            raise UsageError(f"{self.name}.{what}: direction={direction!r} must be one of {expected}") from None
