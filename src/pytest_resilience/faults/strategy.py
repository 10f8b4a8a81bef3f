"""Schedules as a strategy of Hypothesis, which is imported when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_resilience.errors import UsageError
from pytest_resilience.faults.grid import Grid
from pytest_resilience.faults.menu import Menu, dishes
from pytest_resilience.faults.schedule import Schedule, Strike, clashing

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy


def fault_schedules(
    faults: Menu, *, strikes: tuple[int, int] = (1, 3), length: float = 2.0, step: float = 0.1
) -> SearchStrategy[Schedule]:
    """Return a strategy of Hypothesis for schedules of these faults.

    It shrinks towards fewer strikes, faults that come first on the menu, milder, earlier and shorter ones.

    :param faults: targets by name, each with its faults, and for those that take a magnitude, which: `{"redis":
        "killed paused", "database": {"severed": (), "slowed": (0.05, 0.2)}}`.
    :param strikes: how many, from and to.
    :param length: seconds that a schedule takes at most.
    :param step: seconds of the grid on which all times lie.
    :raises UsageError: an argument cannot be meant, or Hypothesis is not installed.
    """
    try:
        from hypothesis import strategies
    except ImportError as error:
        raise UsageError(
            "fault_schedules() needs Hypothesis, which is not installed: pip install hypothesis"
        ) from error
    choices = dishes("fault_schedules", faults)
    grid = Grid.of("fault_schedules", strikes=strikes, length=length, step=step)

    def strike(which: int, at: int, lasting: int) -> Strike:
        return grid.strike(choices[which], at, min(lasting, grid.ticks - at))

    one = strategies.builds(
        strike,
        strategies.integers(0, len(choices) - 1),
        strategies.integers(0, grid.ticks - 1),
        strategies.integers(1, grid.ticks),
    )
    several = strategies.lists(one, min_size=grid.least, max_size=grid.most)

    def ordered(drawn: list[Strike]) -> tuple[Strike, ...]:
        return tuple(sorted(drawn, key=lambda strike: (strike.at, strike.fault, strike.lasting)))

    return several.map(ordered).filter(lambda drawn: clashing(drawn) is None).map(lambda drawn: Schedule(*drawn))
