"""Delays: the faults of a link that hold data or closing up, and lose nothing by that."""

from __future__ import annotations

from pytest_resilience.errors import UsageError
from pytest_resilience.faults.fault import Fault
from pytest_resilience.links.receipt import telling
from pytest_resilience.links.road import Road
from pytest_resilience.links.scope import Direction, Scope, is_number, seconds

_MS = 0.001
_KILOBYTE = 1000


class Delays(Road):
    """A road that can be slow. The arguments that many faults share are those of `scope.Scope`."""

    def slowed(
        self,
        latency: float,
        *,
        jitter: float = 0.0,
        direction: Direction = "both",
        toxicity: float = 1.0,
        first: int | None = None,
        every: int | None = None,
        after_bytes: int = 0,
        only_new: bool = False,
        optional: bool = False,
    ) -> Fault:
        """Delay all data by `latency` seconds, in order; opening and closing a connection are not delayed.

        In both directions a round trip takes twice the latency longer. Resolution: 1 ms.
        Receipt: connections slowed, chunks and bytes delayed.

        :param latency: seconds that are added each way.
        :param jitter: each delay is drawn from latency ± jitter, evenly; at most the latency.
        :param optional: it may touch nothing.
        :raises UsageError: an argument cannot be meant.
        """
        who = f"{self.name}.slowed"
        attributes = {
            "latency": seconds(who, "latency", latency, unit=_MS, least=1),
            "jitter": seconds(who, "jitter", jitter, unit=_MS),
        }
        if attributes["jitter"] > attributes["latency"]:
            raise UsageError(f"{who}: jitter={jitter!r} must be at most the latency, {latency!r}")
        toxics = Scope(direction, toxicity, first, every, after_bytes, only_new).toxics(who, "latency", attributes)
        return self._under(who, toxics, telling("slowed", "delayed"), optional=optional)

    def throttled(
        self,
        rate: float,
        *,
        direction: Direction = "both",
        toxicity: float = 1.0,
        first: int | None = None,
        every: int | None = None,
        after_bytes: int = 0,
        only_new: bool = False,
        optional: bool = False,
    ) -> Fault:
        """Let `rate` bytes a second pass, on each connection and in each direction by itself.

        A chunk leaves when its last byte would have. Receipt: connections, chunks and bytes throttled.

        :param rate: bytes a second, in steps of 1,000, at least one of them.
        :param optional: it may touch nothing.
        :raises UsageError: an argument cannot be meant.
        """
        who = f"{self.name}.throttled"
        if not is_number(rate) or not _KILOBYTE <= rate < 2**53:
            raise UsageError(f"{who}: rate={rate!r} must be bytes a second, 1,000 or more; frozen() lets nothing pass")
        scope = Scope(direction, toxicity, first, every, after_bytes, only_new)
        toxics = scope.toxics(who, "bandwidth", {"rate": round(rate / _KILOBYTE)})
        return self._under(who, toxics, telling("throttled", "throttled"), optional=optional)

    def frozen(
        self,
        *,
        losing: bool = False,
        direction: Direction = "both",
        toxicity: float = 1.0,
        first: int | None = None,
        every: int | None = None,
        after_bytes: int = 0,
        only_new: bool = False,
        optional: bool = False,
    ) -> Fault:
        """Hold everything back: connections stay, new ones are accepted, and nothing arrives, no byte and no closing.

        Senders are held up once the buffers on the way are full. When it heals, what was held arrives.
        Receipt: connections frozen, chunks and bytes held.

        :param losing: what was held is lost when it heals, and the connections that it belonged to are closed.
        :param optional: it may touch nothing.
        :raises UsageError: an argument cannot be meant.
        """
        who = f"{self.name}.frozen"
        attributes = {"rate": 0, "holding": 1} | ({"losing": 1} if losing else {})
        toxics = Scope(direction, toxicity, first, every, after_bytes, only_new).toxics(who, "bandwidth", attributes)
        return self._under(who, toxics, telling("frozen", "lost" if losing else "held"), optional=optional)

    def slow_closing(
        self,
        delay: float,
        *,
        direction: Direction = "both",
        toxicity: float = 1.0,
        first: int | None = None,
        every: int | None = None,
        after_bytes: int = 0,
        only_new: bool = False,
        optional: bool = False,
    ) -> Fault:
        """Let it take `delay` seconds until one side hears that the other has closed the connection.

        Resolution: 1 ms. Receipt: closings delayed.

        :param direction: `upstream`: the client closes and the service hears of it late; `downstream` the reverse.
        :param optional: it may touch nothing.
        :raises UsageError: an argument cannot be meant.
        """
        who = f"{self.name}.slow_closing"
        scope = Scope(direction, toxicity, first, every, after_bytes, only_new)
        toxics = scope.toxics(who, "slow_close", {"delay": seconds(who, "delay", delay, unit=_MS, least=1)})
        return self._under(who, toxics, lambda touched: {"closings_delayed": touched.closed}, optional=optional)
