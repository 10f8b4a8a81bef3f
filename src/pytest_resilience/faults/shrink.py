"""Shrinking: the least part of something that still does what the whole does.

`ddmin` is delta debugging as Zeller and Hildebrandt give it in "Simplifying and Isolating Failure-Inducing Input"
(IEEE Transactions on Software Engineering 28, 2002), figure 4.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import TypeVar

T = TypeVar("T")


def ddmin(parts: Sequence[T], fails: Callable[[Sequence[T]], bool]) -> list[T]:
    """Return a part of `parts` that fails and of which nothing single can be left out.

    :param fails: whether it fails with these alone; it is taken to be true of all of `parts`.

    >>> ddmin(range(8), lambda some: {2, 5} <= set(some))
    [2, 5]
    """
    left = list(parts)
    pieces = 2
    while len(left) >= 2:
        for some, coarse in _candidates(left, pieces):
            if fails(some):
                left = some
                pieces = 2 if coarse else max(pieces - 1, 2)
                break
        else:
            if pieces >= len(left):
                break
            pieces = min(pieces * 2, len(left))
    return left


def _candidates(parts: list[T], pieces: int) -> Iterator[tuple[list[T], bool]]:
    """Yield each piece (coarse), then what is left without each."""
    ends = [len(parts) * number // pieces for number in range(pieces + 1)]
    spans = list(pairwise(ends))
    yield from ((parts[begin:end], True) for begin, end in spans)
    if pieces > 2:
        yield from ((parts[:begin] + parts[end:], False) for begin, end in spans)
