"""The toxics of one proxy, in the order in which data meets them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from random import Random

from .counts import Touched
from .toxics import Toxic

UPSTREAM = "upstream"  # from the client to the server
DOWNSTREAM = "downstream"  # from the server to the client
DIRECTIONS = (UPSTREAM, DOWNSTREAM)


@dataclass(eq=False)
class Entry:
    """A toxic in its place.

    :ivar stream: the direction as it was written by whoever made it (`UPSTREAM` is allowed).
    :ivar toxicity: the share of connections that it works on.
    :ivar seed: what its random choices come from; of the server's seed, the proxy and the name.
    """

    name: str
    stream: str
    toxicity: float
    toxic: Toxic
    seed: str
    touched: Touched = field(default_factory=Touched)
    _elders: dict[int, int] = field(default_factory=dict)  # number of a connection that it found -> its rank
    _before: int = 0  # the number of the last connection that was accepted before it

    @property
    def direction(self) -> str:
        """Either of DIRECTIONS."""
        return self.stream.lower()

    @property
    def pair(self) -> str:
        """Its name without the direction: `slow` for `slow_upstream` and for `slow_downstream`."""
        return self.name.removesuffix(f"_{self.stream}")

    def meet(self, live: Iterable[int], last: int) -> None:
        """Take note of the connections that are there already.

        :param live: their numbers.
        :param last: the number of the last one that was accepted.
        """
        self._elders = {number: rank for rank, number in enumerate(sorted(live), start=1)}
        self._before = last

    def meet_as(self, twin: Entry) -> None:
        """Take over which connections were there from the same toxic of the other direction."""
        self._elders, self._before = twin._elders, twin._before

    def selects(self, connection: int) -> bool:
        """Whether the connection of this number is one of those that `first`, `every` and `only_new` leave it.

        The connections that were there come first, in the order in which they were accepted.
        """
        new = connection > self._before
        if self.toxic.only_new and not new:
            return False
        elders = 0 if self.toxic.only_new else len(self._elders)
        rank = elders + connection - self._before if new else self._elders.get(connection, 0)
        if self.toxic.every > 1:
            rank, rest = divmod(rank, self.toxic.every)
            if rest:
                return False
        return self.toxic.first <= 0 or rank <= self.toxic.first

    def hits(self, connection: int) -> bool:
        """Whether it works on the connection of this number.

        The draw belongs to the connection for good: a change of the settings does not deal anew, and the same
        toxic of the other direction draws the same.
        """
        if not self.selects(connection):
            return False
        if 0 < self.toxicity < 1:
            whole = self.seed.removesuffix(self.name) + self.pair
            return Random(f"{whole}/{connection}/hits").random() < self.toxicity
        return self.toxicity > 0

    def random(self, connection: int) -> Random:
        """Return the random numbers that it needs on one connection: the same for the same seed."""
        return Random(f"{self.seed}/{connection}/values")

    def as_json(self) -> dict[str, object]:
        """Return it as Toxiproxy shows it, keys in its order."""
        own = {name: value for name in self.toxic.own_fields if (value := getattr(self.toxic, name))}
        return {
            "attributes": {name: getattr(self.toxic, name) for name in self.toxic.go_fields} | own,
            "name": self.name,
            "type": self.toxic.type,
            "stream": self.stream,
            "toxicity": self.toxicity,
        }


class Chain:
    """The entries of both directions."""

    def __init__(self) -> None:
        self._entries: dict[str, list[Entry]] = {direction: [] for direction in DIRECTIONS}

    def add(self, entry: Entry) -> None:
        """Put an entry behind those of its direction."""
        self._entries[entry.direction].append(entry)

    def remove(self, entry: Entry) -> None:
        """Take an entry out."""
        self._entries[entry.direction].remove(entry)

    def of(self, direction: str) -> list[Entry]:
        """Return the entries of one direction, in the order in which data meets them."""
        return list(self._entries[direction])

    def find(self, name: str) -> Entry | None:
        """Return the entry of this name, in whichever direction."""
        return next((entry for entry in self if entry.name == name), None)

    def twin(self, entry: Entry) -> Entry | None:
        """Return the same toxic of the other direction, if it is there: of its type, and named alike."""
        same = (entry.pair, entry.toxic.type)
        alike = (one for one in self if one is not entry and (one.pair, one.toxic.type) == same)
        return next(alike, None)

    def __iter__(self) -> Iterator[Entry]:
        for direction in DIRECTIONS:
            yield from list(self._entries[direction])
