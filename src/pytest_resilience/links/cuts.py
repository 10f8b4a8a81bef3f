"""Cuts: the faults of a link that lose data or end connections."""

from __future__ import annotations

from pytest_resilience.errors import UsageError
from pytest_resilience.faults.fault import Fault
from pytest_resilience.links.receipt import telling
from pytest_resilience.links.refusing import Refusing
from pytest_resilience.links.scope import Direction, Scope, whole


class Cuts(Refusing):
    """A road that can be cut. The arguments that many faults share are those of `scope.Scope`."""

    def severed(
        self,
        *,
        silently: bool = False,
        direction: Direction = "both",
        toxicity: float = 1.0,
        first: int | None = None,
        every: int | None = None,
        after_bytes: int = 0,
        only_new: bool = False,
        optional: bool = False,
    ) -> Fault:
        """Cut the road: connections are closed and new ones are refused.

        With `silently=True` nothing is closed or refused: connections stay, new ones are accepted, and
        what is sent in the direction vanishes, as in a network partition: both sides wait until
        their own time-outs. When it heals, the connections that lived through it are closed, for
        their streams may have a hole in them. The arguments after `silently` are for that alone.

        :param direction: `both`, `upstream` (what clients send vanishes) or `downstream` (what the service answers
            vanishes).
        :param optional: it may touch nothing.
        :raises UsageError: an argument cannot be meant.
        """
        who = f"{self.name}.severed"
        scope = Scope(direction, toxicity, first, every, after_bytes, only_new)
        toxics = scope.toxics(who, "timeout", {"timeout": 0})
        if silently:
            return self._under(who, toxics, telling("silenced", "dropped"), optional=optional)
        for name, value in vars(scope).items():
            if value != getattr(Scope(), name):
                raise UsageError(
                    f"{who}: {name}={value!r} needs silently=True, for the road can only be refused as a whole"
                )
        return self._down(who, optional=optional)

    def half_open(
        self,
        *,
        toxicity: float = 1.0,
        first: int | None = None,
        every: int | None = None,
        optional: bool = False,
    ) -> Fault:
        """Accept new connections and never answer on them; those that are open live on.

        The service sees such a connection open, and nothing on it. When it heals, they are closed. Receipt:
        connections unanswered, chunks and bytes swallowed. The counting of `first` and `every` is over new connections.

        :param optional: it may touch nothing.
        :raises UsageError: an argument cannot be meant.
        """
        who = f"{self.name}.half_open"
        scope = Scope(toxicity=toxicity, first=first, every=every, only_new=True)
        toxics = scope.toxics(who, "timeout", {"timeout": 0})
        return self._under(who, toxics, telling("unanswered", "swallowed"), optional=optional)

    def reset(
        self,
        *,
        direction: Direction = "both",
        toxicity: float = 1.0,
        first: int | None = None,
        every: int | None = None,
        after_bytes: int = 0,
        only_new: bool = False,
        optional: bool = False,
    ) -> Fault:
        """Reset connections (TCP RST, to both ends): the open ones at once, new ones at their first byte.

        With `after_bytes` each one at its next byte after so many, so that `direction="downstream"` breaks an
        answer off in the middle. Receipt: connections reset.

        :param direction: whose first byte: `upstream` the client's, `downstream` the service's, `both` either's.
        :param optional: it may touch nothing.
        :raises UsageError: an argument cannot be meant.
        """
        who = f"{self.name}.reset"
        scope = Scope(direction, toxicity, first, every, after_bytes, only_new)
        toxics = scope.toxics(who, "reset_peer", {"timeout": 0} if only_new else {"timeout": 0, "live": 1})
        return self._under(who, toxics, lambda touched: {"connections_reset": touched.closed}, optional=optional)

    def limited(
        self,
        size: int,
        *,
        direction: Direction = "downstream",
        toxicity: float = 1.0,
        first: int | None = None,
        every: int | None = None,
        only_new: bool = False,
        optional: bool = False,
    ) -> Fault:
        """Let `size` bytes of each connection through and close it in good order (TCP FIN): an answer without its end.

        Receipt: connections cut short.

        :param size: bytes in the direction, counted from when the fault met the connection; 0: close at the first one.
        :param optional: it may touch nothing.
        :raises UsageError: an argument cannot be meant.
        """
        who = f"{self.name}.limited"
        scope = Scope(direction, toxicity, first, every, only_new=only_new)
        toxics = scope.toxics(who, "limit_data", {"bytes": whole(who, "size", size)})
        return self._under(who, toxics, lambda touched: {"connections_cut_short": touched.closed}, optional=optional)
