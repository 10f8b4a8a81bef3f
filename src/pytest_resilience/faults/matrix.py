"""A matrix: one test over dependencies and their faults, a cell at a time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from pytest_resilience.errors import UsageError
from pytest_resilience.faults.fault import Fault
from pytest_resilience.faults.menu import Dish, dishes, make

Maker = Callable[[object], Fault]


@dataclass(frozen=True)
class Cell:
    """One fault of one dependency.

    :ivar dish: the name of the fixture that gives the dependency, and its fault.
    :ivar maker: makes the fault of the dependency; None for the method of the fault's name.
    """

    dish: Dish
    maker: Maker | None = None

    def of(self, dependency: object) -> Fault:
        """Return the fault, inert.

        :raises UsageError: the dependency has no such fault.
        """
        if self.maker is None:
            return make(dependency, self.dish)
        made = self.maker(dependency)
        if not isinstance(made, Fault):
            raise UsageError(f"fault_matrix: {self}: its function gives {made!r}, not a fault")
        return made

    def __str__(self) -> str:
        return f"{self.dish.target}-{self.dish}"


def fault_matrix(faults: Mapping[str, Collection[str]]) -> list[Cell]:
    """Return the cells of a matrix, for one test to be parametrised with.

    ::

        @pytest.mark.parametrize("matrix_fault", fault_matrix({
            "redis_server": "killed paused",
            "database_link": {"severed": (), "slowed": (0.1, 0.5), "silent": lambda link: link.severed(silently=True)},
        }), indirect=True)
        def test_it_refuses_clearly(matrix_fault, app, load): ...

    The fixture `matrix_fault` then is the fault of one cell, inert.

    :param faults: names of fixtures, each with its faults: words, or a mapping to magnitudes, or to a function that
        makes the fault of what the fixture gives. `primary.killed` is a fault of a part of that, such as a cluster has.
    :raises UsageError: it is no such thing.
    """
    who = "fault_matrix"
    if not isinstance(faults, Mapping):
        dishes(who, faults)  # says what is expected
    makers = {
        Dish(fixture, name): made
        for fixture, named in faults.items()
        if isinstance(named, Mapping)
        for name, made in named.items()
        if callable(made)
    }
    plain = {
        fixture: {name: () if Dish(fixture, name) in makers else named[name] for name in named}
        if isinstance(named, Mapping)
        else named
        for fixture, named in faults.items()
    }
    cells = [Cell(dish, makers.get(dish)) for dish in dishes(who, plain, members=True)]
    twice = [str(cell) for number, cell in enumerate(cells) if cell in cells[:number]]
    if twice:
        raise UsageError(f"{who}: {', '.join(twice)} is there twice")
    return cells
