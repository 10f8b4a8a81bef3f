"""A review: the figures of one test held against the earlier runs in the book; travels as text from xdist's workers."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from pytest_resilience.measure.regression import ENOUGH, compare
from pytest_resilience.measure.verdict import Outcome
from pytest_resilience.report.baseline.book import Book, PastRun
from pytest_resilience.report.baseline.taking import Taken


@dataclass(frozen=True)
class Row:
    """What came of one figure: "met" (no worse), "missed" (a regression) or "inconclusive"."""

    name: str
    outcome: str
    text: str

    def __str__(self) -> str:
        return f"{self.name} {self.text}"


@dataclass(frozen=True)
class Review:
    """What came of one test.

    :ivar conditions: backend and size: only runs of the same are compared.
    :ivar run: what it came to.
    :ivar earlier: how many runs there were to compare with.
    :ivar others: under which other conditions there are some.
    :ivar machines: what earlier runs ran on, where this one ran on none of these.
    """

    scenario: str
    conditions: str
    run: PastRun
    rows: tuple[Row, ...]
    earlier: int
    others: tuple[str, ...] = ()
    machines: tuple[str, ...] = ()

    @property
    def regressed(self) -> list[Row]:
        """The figures that are worse than earlier runs explain."""
        return [row for row in self.rows if row.outcome == Outcome.MISSED.value]

    def doubts(self, *, most: int = 3) -> list[str]:
        """Return which figures cannot be told, and why; none while too few runs are there to tell any."""
        told = [str(row) for row in self.rows if row.outcome == Outcome.INCONCLUSIVE.value]
        if self.earlier < ENOUGH:
            return []
        return told[:most] + ([f"and {len(told) - most} more"] if len(told) > most else [])

    @property
    def elsewhere(self) -> str:
        """That the machine is another one; empty where it is not."""
        if not self.machines:
            return ""
        return f"this machine is another one: {self.run.machine}; earlier runs were on {', '.join(self.machines)}"

    def __str__(self) -> str:
        """Say in one line what is not as it was."""
        if not self.earlier:
            besides = f"; what is there is of {', '.join(self.others)}, which is not compared" if self.others else ""
            return f"{len(self.run.figures)} figures of {self.conditions}, the first{besides}"
        counts = Counter(row.outcome for row in self.rows)
        words = {"missed": "regressed", "met": "no worse", "inconclusive": "cannot be told"}
        parts = [f"{counts[key]} {word}" for key, word in words.items() if counts[key]]
        if self.earlier < ENOUGH:
            parts = [f"collecting, {self.earlier} of {ENOUGH} earlier runs: nothing is claimed"]
        return "; ".join([", ".join(parts), *([self.elsewhere] if self.elsewhere else [])])

    def to_text(self) -> str:
        """Return it as JSON."""
        told = asdict(self)
        return json.dumps({**told, "run": self.run.to_json()})

    @classmethod
    def from_text(cls, text: str) -> Review:
        """Return the review that `to_text` wrote."""
        given = json.loads(text)
        given |= {
            "run": PastRun.from_json(json.loads(given["run"])),
            "rows": tuple(Row(**row) for row in given["rows"]),
            "others": tuple(given["others"]),
            "machines": tuple(given["machines"]),
        }
        return cls(**given)


def review(book: Book, scenario: str, conditions: str, taken: Taken, run: PastRun) -> Review:
    """Hold what was taken against the book."""
    earlier = book.of(scenario, conditions)
    machines = tuple(dict.fromkeys(one.machine for one in earlier))
    return Review(
        scenario,
        conditions,
        run,
        tuple(_rows(earlier, taken, book.count(conditions))),
        len(earlier),
        tuple(book.others(scenario, conditions)),
        () if run.machine in machines else machines,
    )


def _rows(earlier: list[PastRun], taken: Taken, among: int) -> Iterator[Row]:
    for name, figure in taken.figures.items():
        same = [run.figures[name] for run in earlier if name in run.figures]
        found = compare([one for one in same if one.kind == figure.kind], figure, among=among)
        yield Row(name, found.outcome.value, found.text)
    for name, why in taken.untold.items():
        yield Row(name, Outcome.INCONCLUSIVE.value, why)
    newest = earlier[-1].figures if earlier else {}
    for name in newest:
        if name not in taken.figures:
            count = sum(name in run.figures for run in earlier)
            yield Row(name, Outcome.INCONCLUSIVE.value, f"was there in {count} earlier runs, and is not in this one")
