"""Each: data that calls take one after the other."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Sized
from dataclasses import dataclass
from itertools import count, islice

from pytest_resilience.errors import UsageError


@dataclass(frozen=True, repr=False)
class Each:
    """Items for one part of a request, one for each call; made by `each`."""

    items: Iterable[object] | Callable[[], Iterable[object]]

    def __repr__(self) -> str:
        name = getattr(self.items, "__name__", None) or type(self.items).__name__
        return f"<each of {name}>"

    def dealt(self, share: int = 0, drivers: int = 1) -> Iterator[object]:
        """Yield every `drivers`-th item, starting with number `share`, without end: after the last comes the first.

        :raises UsageError: there are no items.
        """
        return islice(self._endless(), share, None, drivers)

    def _endless(self) -> Iterator[object]:
        while True:
            number = -1
            for number, item in zip(count(), self.items() if callable(self.items) else self.items):  # noqa: B007  (the count never ends)
                yield item
            if number < 0:
                raise UsageError(f"{self!r}: it gave nothing, and a call needs an item")


def each(items: Iterable[object] | Callable[[], Iterable[object]]) -> Each:
    """Give each request the next of `items`: in `json=`, `body=`, `headers=` or `path=`.

    ::

        def bookings():
            with open("/data/bookings.csv") as file:
                yield from csv.DictReader(file)

        load(Post(f"{app.url}/bookings", json=each(bookings)), rate=100)

    After the last item comes the first again. With several drivers, each takes its share: no two
    take the same item until all are used.

    :param items: something to go through again and again, such as a list or a range, which travels to the driver;
        or a generator function without arguments, which is called there, so that its data need not travel.
    :raises UsageError: `items` is empty, or can be gone through only once.
    """
    if callable(items):
        if any(one.default is one.empty for one in inspect.signature(items).parameters.values()):
            raise UsageError(
                f"each({items!r}): it is called with nothing; for data made from the call, leave each() out"
            )
        return Each(items)
    if not isinstance(items, Iterable) or isinstance(items, (str, bytes)):
        raise UsageError(f"each({items!r}): expected several items, such as a list, or a generator function")
    if isinstance(items, Iterator):
        raise UsageError(
            f"each({items!r}): a {type(items).__name__} can be gone through only once, and cannot travel; "
            "give the generator function itself, without parentheses"
        )
    if isinstance(items, Sized) and not len(items):
        raise UsageError(f"each({items!r}): it is empty, and a call needs an item")
    return Each(items)
