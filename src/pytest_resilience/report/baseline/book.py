"""The book: the file in which accepted runs are kept, to be committed or carried from job to job.

`{"schema": "pytest-resilience-baseline", "version": 1, "scenarios": {NODE_ID: {CONDITIONS: [RUN, ...]}}}`, sorted, with
one line for each run: `at` (UTC), `machine`, `seed`, and `figures`, each `[kind, value, low, high]`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pytest_resilience.errors import UsageError
from pytest_resilience.measure.regression import KEPT, KINDS, Figure
from pytest_resilience.replacing import replace_file

SCHEMA = "pytest-resilience-baseline"
VERSION = 1
DIGITS = 4


@dataclass(frozen=True)
class PastRun:
    """What a scenario came to in one run.

    :ivar at: when, in UTC, as text.
    :ivar machine: what it ran on.
    """

    at: str
    machine: str
    seed: int
    figures: Mapping[str, Figure]

    def to_json(self) -> str:
        """Return it as one line of JSON; a figure that is infinite has no place there."""
        told = {
            name: [one.kind, *map(_rounded, (one.value, one.low, one.high))]
            for name, one in sorted(self.figures.items())
            if math.isfinite(one.value)
        }
        head = {"at": self.at, "machine": self.machine, "seed": self.seed}
        return json.dumps({**head, "figures": told}, ensure_ascii=False)

    @classmethod
    def from_json(cls, given: Mapping[str, object]) -> PastRun:
        """Return the run that was written.

        :raises ValueError: it is none; so do `TypeError` and `KeyError`.
        """
        told = given["figures"]
        if not isinstance(told, dict):
            raise TypeError(f"figures: expected an object, not {told!r}")
        seed = given["seed"]
        if not isinstance(seed, int):
            raise TypeError(f"seed: expected a number, not {seed!r}")
        return cls(str(given["at"]), str(given["machine"]), seed, {name: _figure(one) for name, one in told.items()})


@dataclass
class Book:
    """The runs of each scenario under each condition, the newest last."""

    runs: dict[tuple[str, str], list[PastRun]] = field(default_factory=dict)

    def of(self, scenario: str, conditions: str) -> list[PastRun]:
        """Return the earlier runs of a scenario."""
        return self.runs.get((scenario, conditions), [])

    def others(self, scenario: str, conditions: str) -> list[str]:
        """Return under which other conditions it has run."""
        return sorted(other for name, other in self.runs if name == scenario and other != conditions)

    def count(self, conditions: str) -> int:
        """Return how many figures a whole session compares: those of the newest run of every scenario."""
        return sum(len(runs[-1].figures) for (_, other), runs in self.runs.items() if other == conditions and runs)

    def add(self, scenario: str, conditions: str, run: PastRun, *, anew: frozenset[str] = frozenset()) -> None:
        """Add a run, and forget the oldest; of the figures in `anew`, whatever was before is forgotten."""
        earlier = [
            PastRun(one.at, one.machine, one.seed, {k: v for k, v in one.figures.items() if k not in anew})
            for one in self.of(scenario, conditions)
        ]
        self.runs[scenario, conditions] = [*(one for one in earlier if one.figures), run][-KEPT:]

    def to_text(self) -> str:
        """Return the file: the same for the same book."""
        scenarios: dict[str, list[str]] = {}
        for (scenario, conditions), runs in sorted(self.runs.items()):
            lines = ",\n".join(f"    {run.to_json()}" for run in runs)
            scenarios.setdefault(scenario, []).append(f"   {_text(conditions)}: [\n{lines}\n   ]")
        comma = ",\n"
        told = comma.join(f"  {_text(name)}: {{\n{comma.join(parts)}\n  }}" for name, parts in scenarios.items())
        body = f"{{\n{told}\n }}" if told else "{}"
        return f'{{\n "schema": "{SCHEMA}",\n "version": {VERSION},\n "scenarios": {body}\n}}\n'

    @classmethod
    def from_text(cls, text: str, name: str) -> Book:
        """Return the book that `to_text` wrote; `name` is that of the file.

        :raises UsageError: it is none, or of a version that is not known here.
        """
        try:
            given = json.loads(text)
        except ValueError as error:
            raise _refused(name, f"is no JSON: {error}") from error
        if not isinstance(given, dict) or given.get("schema") != SCHEMA:
            raise _refused(name, f"is no baseline (it has no schema {SCHEMA!r}), and is left as it is")
        version = given.get("version")
        if version != VERSION:
            raise _refused(name, f"has version {version!r}, and {VERSION} is read here: update pytest-resilience")
        try:
            runs = {
                (scenario, conditions): [PastRun.from_json(run) for run in told]
                for scenario, kinds in given["scenarios"].items()
                for conditions, told in kinds.items()
            }
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            said = f"has no {error}" if isinstance(error, KeyError) else f"is damaged: {error}"
            raise _refused(name, f"{said}; restore it from version control, or remove it to begin anew") from error
        return cls(runs)


def read(path: Path) -> str:
    """Return the text of a book; that of an empty one where there is none.

    :raises UsageError: it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Book().to_text()
    except (OSError, UnicodeDecodeError) as error:
        raise _refused(str(path), f"cannot be read: {error}") from error


def write(path: Path, book: Book) -> None:
    """Replace the file in one step.

    :raises OSError: it cannot be written.
    """
    replace_file(path, book.to_text().encode())


def _figure(given: object) -> Figure:
    if not isinstance(given, list) or len(given) != 4 or given[0] not in KINDS:
        raise ValueError(f"expected [kind, value, low, high], and there is {given!r}")
    kind, value, low, high = given
    numbers = [None if one is None else float(one) for one in (low, high)]
    if not math.isfinite(float(value)):
        raise ValueError(f"{given!r}: a figure is finite")
    return Figure(kind, float(value), *numbers)


def _rounded(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(f"{value:.{DIGITS}g}")


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _refused(name: str, why: str) -> UsageError:
    return UsageError(f"--resilience-baseline={name}: the file {why}")
