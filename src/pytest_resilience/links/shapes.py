"""Shapes: the fault of a link that changes how data arrives, and the one that is any toxic at all."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_resilience.errors import UsageError
from pytest_resilience.faults.fault import Fault
from pytest_resilience.links.receipt import telling
from pytest_resilience.links.road import Road
from pytest_resilience.links.scope import Direction, Scope, is_number, seconds, whole

_MICROSECOND = 1e-6


class Shapes(Road):
    """A road whose traffic can be reshaped. The arguments that many faults share are those of `scope.Scope`."""

    def sliced(
        self,
        size: int,
        *,
        variation: int = 0,
        delay: float = 0.0,
        direction: Direction = "both",
        toxicity: float = 1.0,
        first: int | None = None,
        every: int | None = None,
        after_bytes: int = 0,
        only_new: bool = False,
        optional: bool = False,
    ) -> Fault:
        """Cut what is sent into pieces, each a packet of its own, as small reads of a big answer.

        Chunks are halved until a piece has at most `size` + `variation` bytes. Receipt: connections, chunks and bytes
        sliced.

        :param size: bytes of a piece, at least 1.
        :param variation: by how many bytes the cuts are drawn off the middle, below the size.
        :param delay: seconds between the pieces. Resolution: 1 µs.
        :param optional: it may touch nothing.
        :raises UsageError: an argument cannot be meant.
        """
        who = f"{self.name}.sliced"
        attributes = {
            "average_size": whole(who, "size", size, least=1),
            "size_variation": whole(who, "variation", variation),
            "delay": seconds(who, "delay", delay, unit=_MICROSECOND),
        }
        if variation >= size:
            raise UsageError(f"{who}: variation={variation!r} must be below the size, {size!r}")
        toxics = Scope(direction, toxicity, first, every, after_bytes, only_new).toxics(who, "slicer", attributes)
        return self._under(who, toxics, telling("sliced", "sliced"), optional=optional)

    def toxic(
        self,
        kind: str,
        attributes: Mapping[str, int | float] | None = None,
        *,
        direction: Direction = "downstream",
        toxicity: float = 1.0,
        first: int | None = None,
        every: int | None = None,
        after_bytes: int = 0,
        only_new: bool = False,
        optional: bool = False,
    ) -> Fault:
        """Put any toxic of the link server on: `toxic("timeout", {"timeout": 500})`.

        Receipt: connections, chunks and bytes that went into it, and connections that it closed.

        :param kind: its type, as Toxiproxy calls it.
        :param attributes: its attributes, in Toxiproxy's units: whole numbers, mostly milliseconds.
        :param optional: it may touch nothing.
        :raises UsageError: an argument cannot be meant; or, when it is entered, the server knows no such toxic.
        """
        who = f"{self.name}.toxic({kind})"
        if not isinstance(kind, str) or not kind:
            raise UsageError(f"{self.name}.toxic: {kind!r} must be the type of a toxic, such as 'latency'")
        settings: dict[str, int] = {}
        for name, value in (attributes or {}).items():
            if not is_number(value) or value != int(value):
                raise UsageError(f"{who}: {name}={value!r} must be a whole number, as all attributes of toxics are")
            settings[name] = int(value)
        scope = Scope(direction, toxicity, first, every, after_bytes, only_new)
        toxics = scope.toxics(who, kind, settings, name=f"toxic_{kind}")
        return self._under(
            who,
            toxics,
            lambda touched: {**telling("met", "taken")(touched), "connections_closed": touched.closed},
            optional=optional,
        )
