"""Verdict: whether the scenario caught the bug, as its witness tells it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

Word = Literal["caught", "missed", "skipped"]


@dataclass(frozen=True)
class Witness:
    """How one test of the inner run ended; the fields are those of `witness.py`."""

    test: str
    when: str
    outcome: str
    raised: str
    statement: str
    line: int
    in_scenario: bool
    message: str

    @classmethod
    def read(cls, text: str) -> list[Witness]:
        """Return one for each line."""
        return [cls(**json.loads(line)) for line in text.splitlines()]

    @property
    def by_assertion(self) -> bool:
        """Whether a claim of the scenario's own was found false: an `assert`, or a `wait_until`, in its file."""
        if (self.when, self.outcome) != ("call", "failed"):
            return False
        if self.raised == "AssertionError":
            return self.in_scenario and self.statement.lstrip().startswith("assert ")
        return self.raised == "WaitTimeout" and "wait_until(" in self.statement

    def __str__(self) -> str:
        at = f" at line {self.line}: {self.statement.strip()}" if self.line else ""
        return f"{self.test} {self.outcome} in {self.when} with {self.raised}{at}\n{self.message}"


@dataclass(frozen=True)
class Verdict:
    """What came of a pair, and why."""

    word: Word
    why: str


def judge(witnesses: list[Witness], words: tuple[str, ...]) -> Verdict:
    """Say what the run of a scenario on a clinic with a bug has shown.

    Caught is only what failed, in the test itself, by an assertion of the scenario's own that has some of `words` in
    its statement or message. An error, an end by time-out and a scenario that passes are all missed.
    """
    if not witnesses:
        return Verdict("missed", "no test was run")
    if all(each.outcome == "skipped" for each in witnesses):
        return Verdict("skipped", witnesses[0].message)
    bad = [each for each in witnesses if each.outcome == "failed"]
    if not bad:
        return Verdict("missed", "the scenario passed")
    found = next((each for each in bad if each.by_assertion), None)
    if found is None:
        return Verdict("missed", f"it did not fail by an assertion of its own: {bad[0]}")
    if not any(word in found.statement or word in found.message for word in words):
        return Verdict("missed", f"none of {', '.join(map(repr, words))} is in the assertion that failed: {found}")
    return Verdict("caught", str(found))
