"""Histories: made by a store that is right, or by one that is wrong in a known way."""

from __future__ import annotations

import random

from pytest_resilience import Operation


def op(
    kind: str, value: object = None, began: float = 0, ended: float = 1, *, result: object = None, process: object = 0
) -> Operation:
    """Return an operation that was answered."""
    asked = Operation(kind=kind, value=value, process=process)  # type: ignore[arg-type]
    return asked.ok(result).at(began, ended)  # type: ignore[arg-type]


def lost(kind: str, value: object = None, began: float = 0, *, process: object = 0) -> Operation:
    """Return an operation of which nothing came back."""
    return Operation(kind=kind, value=value, process=process).at(began, began)  # type: ignore[arg-type]


def of_register(
    chance: random.Random, operations: int, *, processes: int = 5, stale: float = 0.0, unknown: float = 0.1
) -> list[Operation]:
    """Return what a register answered to processes that ask beside one another; a share of the reads is stale.

    Each operation takes effect at a moment between its call and its answer. One of an unknown fate may
    have had its effect.
    """
    free = [0.0] * processes
    planned: list[tuple[float, float, float, int]] = []
    for _ in range(operations):
        who = min(range(processes), key=free.__getitem__)
        began = free[who] + chance.expovariate(1)
        ended = began + chance.expovariate(1)
        free[who] = ended
        planned.append((chance.uniform(began, ended), began, ended, who))
    value: int | None = None
    former: int | None = None
    made = []
    for place, (_, began, ended, who) in enumerate(sorted(planned)):
        kind = chance.choice(("read", "write", "cas"))
        silent = chance.random() < unknown
        if kind == "read":
            result = former if chance.random() < stale else value
            asked = Operation(kind="read", process=who).ok(result)
        elif kind == "write":
            asked = Operation(kind="write", value=place, process=who).ok()
            former, value = (former, value) if silent and chance.random() < 0.5 else (value, place)
        else:
            old = chance.choice((value, place))
            asked = Operation(kind="cas", value=(old, place), process=who).ok(result=old == value)
            if old == value and not (silent and chance.random() < 0.5):
                former, value = value, place
        made.append((asked.unknown() if silent else asked).at(began, ended))
    return made
