"""The coverage grid: which dependency was struck by which fault, and whether that bit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pytest_resilience.report.naming import is_whole
from pytest_resilience.report.record import Record, Strike
from pytest_resilience.timeline import Receipt


@dataclass(frozen=True)
class Grid:
    """Dependencies down, faults across; each cell counts the tests in which the fault bit, and those in which not."""

    rows: Sequence[str]
    columns: Sequence[str]
    cells: dict[tuple[str, str], tuple[int, int]]

    @classmethod
    def of(cls, records: Iterable[Record]) -> Grid:
        """Return the grid of all strikes of all tests; what a skipped test struck does not count."""
        bit: dict[tuple[str, str], set[str]] = {}
        idle: dict[tuple[str, str], set[str]] = {}
        for record in records:
            for strike in record.strikes if record.outcome != "skipped" else ():
                if not is_whole(strike.name):
                    where = bit if strike.bit else idle
                    where.setdefault((strike.target, strike.kind), set()).add(record.name)
        pairs = {*bit, *idle}
        return cls(
            sorted({target for target, _ in pairs}),
            sorted({kind for _, kind in pairs}),
            {pair: (len(bit.get(pair, ())), len(idle.get(pair, ()))) for pair in pairs},
        )


def receipt(strike: Strike) -> str:
    """Return what a strike touched, in words."""
    touched = Receipt()
    touched.note(**strike.receipt)
    return str(touched)
