"""A mix: several things that are done under one load, each so often."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from pytest_resilience.errors import UsageError
from pytest_resilience.load.action import Action, User, check_action, label_of
from pytest_resilience.load.request import Request
from pytest_resilience.load.websocket import WebSocket

MOST = 10_000  # calls in one round; more would hold no round in a usual run


@dataclass(frozen=True, repr=False)
class Mix:
    """Things to do and how often each is done in a round; made by `mix`."""

    parts: tuple[tuple[int, Request | User | Action], ...]

    @property
    def label(self) -> str:
        """What the run is called; each part's samples have a name of their own."""
        return "mix of " + ", ".join(f"{weight} {label_of(what)}" for weight, what in self.parts)

    @property
    def whats(self) -> tuple[Request | User | Action, ...]:
        """The things to do."""
        return tuple(what for _, what in self.parts)

    def rounds(self, seed: object) -> Iterator[int]:
        """Yield, without end, which part is next: in each round every part as often as its weight, shuffled."""
        shuffle = random.Random(f"{seed}/mix").shuffle
        deck = [part for part, (weight, _) in enumerate(self.parts) for _ in range(weight)]
        while True:
            shuffle(deck)
            yield from deck

    def __repr__(self) -> str:
        return f"<{self.label}>"


def mix(*parts: tuple[int, Request | User | Action]) -> Mix:
    """Do several things under one load, each given as (weight, what).

    ::

        shop = mix((9, Get(f"{app.url}/slots")), (1, Post(f"{app.url}/bookings", json=booking)))
        with load(shop, rate=200) as run:
            run.hold(10)
        assert SLO(p95=0.1).met_by(run.samples.named("GET /slots"))
        assert SLO(p95=0.5).met_by(run.samples.named("POST /bookings"))

    Of each round of 10 calls, 9 are the first and one the second, in an order drawn from the seed. So
    the shares are exact, and even a rare part gets its samples.

    :raises UsageError: a weight is no whole number from 1, or two parts have the same name.
    """
    if not parts:
        raise UsageError("mix(): give at least one part, such as mix((9, Get(url)), (1, Post(url)))")
    for part in parts:
        if not isinstance(part, tuple) or len(part) != 2:
            raise UsageError(f"mix({part!r}): expected (weight, what), such as (9, Get(url))")
        weight, what = part
        if not isinstance(weight, int) or isinstance(weight, bool) or weight < 1:
            raise UsageError(f"mix: the weight {weight!r} of {label_of(what)} has to be a whole number from 1")
        if isinstance(what, (Mix, WebSocket)):
            raise UsageError(
                f"mix: {what!r} cannot be a part: a WebSocket is held and not called, and weights do not nest; "
                "drive it in a load of its own, beside this one"
            )
        if not isinstance(what, (Request, User)):
            check_action(what)
    if sum(weight for weight, _ in parts) > MOST:
        raise UsageError(f"mix: the weights add up to more than {MOST:,} calls in a round; give smaller ones")
    name, times = Counter(label_of(what) for _, what in parts).most_common(1)[0]
    if times > 1:
        raise UsageError(
            f"mix: {times} parts are named {name!r}, so their samples could not be told apart: "
            "give a request a name=, and a lambda a function with a name"
        )
    return Mix(parts)
