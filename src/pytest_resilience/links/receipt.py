"""The receipt of a link's fault: read from the server whenever it is looked at."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pytest_resilience.errors import LinkServerError
from pytest_resilience.links.toxiproxy import Touched
from pytest_resilience.timeline import Count, Receipt

Counts = Mapping[str, Count]
Tell = Callable[[Touched], Counts]


class LiveReceipt(Receipt):
    """Counts that grow while the fault is in force, until they are settled by its heal.

    :param read: asks the server for the counts as they are.
    """

    def __init__(self, read: Callable[[], Counts], *, optional: bool) -> None:
        self._read: Callable[[], Counts] | None = None
        super().__init__(optional=optional)
        self._read = read

    @property
    def counts(self) -> dict[str, Count]:
        """The counts as they are now; as they were last, where the server does not answer."""
        if self._read is not None:
            try:
                self._counts.update(self._read())
            except LinkServerError:  # a receipt is also printed when all is lost; the heal says what is wrong
                return self._counts
        return self._counts

    @counts.setter
    def counts(self, counts: dict[str, Count]) -> None:
        self._counts = counts

    def settle(self) -> None:
        """Take the counts for the last time.

        :raises LinkServerError: the server does not answer.
        """
        if self._read is not None:
            self._counts.update(self._read())
            self._read = None


def telling(connections: str, what: str) -> Tell:
    """Return what names the counts: `telling("slowed", "delayed")` gives connections_slowed and chunks_delayed."""
    return lambda touched: {
        f"connections_{connections}": touched.connections,
        f"chunks_{what}": touched.chunks,
        f"bytes_{what}": touched.bytes,
    }


def all_of(each: list[Touched]) -> Touched:
    """Return what several toxics of one fault have touched all together."""
    return Touched(
        # Toxics of both directions are on the same connections: at least this many were touched.
        connections=max((touched.connections for touched in each), default=0),
        chunks=sum(touched.chunks for touched in each),
        bytes=sum(touched.bytes for touched in each),
        closed=sum(touched.closed for touched in each),
    )
