"""A menu: which faults of which targets come into question, by name.

`{"redis": "killed paused", "database": {"severed": (), "slowed": (0.05, 0.2)}}`: the methods of a target that make its
faults, and for those that take a magnitude, the ones to choose from, the mildest first.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from pytest_resilience.errors import UsageError
from pytest_resilience.faults.fault import Fault

# For each target names of faults: a text of words, a sequence, or a mapping to sequences of magnitudes. As a collection
# of names, a menu that mixes these keeps its type when it is given a name.
Menu = Mapping[str, Collection[str]]


@dataclass(frozen=True)
class Dish:
    """One fault of one target.

    :ivar magnitude: what the method is called with; None for nothing.
    """

    target: str
    fault: str
    magnitude: float | None = None

    @property
    def name(self) -> str:
        """`redis.killed`."""
        return f"{self.target}.{self.fault}"

    def __str__(self) -> str:
        return self.fault if self.magnitude is None else f"{self.fault}({self.magnitude:g})"


def dishes(who: str, menu: Menu, *, members: bool = False) -> list[Dish]:
    """Return what is on a menu, in its order.

    :param members: faults of what a target is made of come into question too: `primary.killed` of a cluster.
    :raises UsageError: there is nothing on it, or it is none; `who` begins the message.
    """
    if not isinstance(menu, Mapping):
        raise UsageError(f'{who}: {menu!r} is no menu of faults; expected targets with faults, {{"redis": "killed"}}')
    found: list[Dish] = []
    for target, faults in menu.items():
        named = faults.split() if isinstance(faults, str) else faults
        for fault in named:
            parts = fault.split(".") if isinstance(fault, str) else [""]
            if not all(part.isidentifier() for part in parts) or (len(parts) > 1 and not members):
                raise UsageError(f"{who}: {target}: {fault!r} is no name of a fault; expected killed, severed, ...")
            magnitudes: Sequence[float] = faults[fault] if isinstance(faults, Mapping) else ()
            found += [Dish(target, fault, magnitude) for magnitude in magnitudes or (None,)]
    if not found:
        raise UsageError(f'{who}: there is no fault on the menu; expected targets with faults, {{"redis": "killed"}}')
    return found


def make(target: object, dish: Dish) -> Fault:
    """Return the fault, inert, that the method of `target` makes.

    :raises UsageError: it has no such method, or what that gives is no fault.
    """
    method: object = target
    for part in dish.fault.split("."):
        method = getattr(method, part, None)
    if not callable(method):
        raise UsageError(f"{dish.name}: {target!r} has no fault of that name; expected one of its methods")
    try:
        made = method() if dish.magnitude is None else method(dish.magnitude)
    except TypeError as error:
        raise UsageError(
            f'{dish.target}: {dish} cannot be made ({error}); give magnitudes to choose from: {{"slowed": (0.1, 0.2)}}'
        ) from error
    if not isinstance(made, Fault):
        raise UsageError(f"{dish.name}: it gives {made!r}, not a fault")
    return made
