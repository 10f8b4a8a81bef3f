"""What a checker says: whether what was promised held, and if not, by which operations."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pytest_resilience import timeline
from pytest_resilience.consistency.operation import Operation
from pytest_resilience.measure.verdict import Outcome

SHOWN = 12  # things that are spelled out in a message


@dataclass(frozen=True)
class Consistency:
    """The answer of a checker: true only if what was promised is shown to have held.

    :ivar promise: what was promised: "linearizable", "nothing acknowledged is lost".
    :ivar text: why, in words and figures.
    :ivar counterexample: the fewest operations that show that it did not hold; empty if it did.
    """

    promise: str
    outcome: Outcome
    text: str
    counterexample: tuple[Operation, ...] = ()

    def __bool__(self) -> bool:
        return self.outcome is Outcome.MET

    def __repr__(self) -> str:
        return f"<{self.promise}: {self.outcome.value}: {self.text}>{_table(self.counterexample)}"


def kept(promise: str, text: str) -> Consistency:
    """Return that it held."""
    return _claimed(Consistency(promise, Outcome.MET, text))


def broken(promise: str, text: str, counterexample: Iterable[Operation] = ()) -> Consistency:
    """Return that it did not hold."""
    return _claimed(Consistency(promise, Outcome.MISSED, text, tuple(counterexample)))


def untold(promise: str, text: str) -> Consistency:
    """Return that it cannot be told."""
    return _claimed(Consistency(promise, Outcome.INCONCLUSIVE, text))


def _claimed(found: Consistency) -> Consistency:
    timeline.current().claim(found.promise, found.outcome.value, found.text)
    return found


def several(things: Iterable[object]) -> str:
    """Return some of the things, and how many more there are."""
    listed = list(things)
    more = f" and {len(listed) - SHOWN} more" if len(listed) > SHOWN else ""
    return ", ".join(map(repr, listed[:SHOWN])) + more


def _table(operations: tuple[Operation, ...]) -> str:
    if not operations:
        return ""
    origin = operations[0].began
    rows = [
        f"\n  {(each.began - origin) * 1e3:9.3f} to {(each.ended - origin) * 1e3:9.3f} ms  {each.process!s:>6}  {each}"
        for each in operations[:SHOWN]
    ]
    more = f"\n  and {len(operations) - SHOWN} more" if len(operations) > SHOWN else ""
    return "".join(rows) + more
