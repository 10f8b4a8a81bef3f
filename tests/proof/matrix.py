"""Matrix: which scenario catches which bug, as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

SIGNS = {"caught": "x", "missed": "!", "skipped": "s"}


def matrix(results: Mapping[tuple[str, str], str], bugs: Mapping[str, str]) -> Iterator[str]:
    """Yield the lines: a column for each bug, a row for each scenario, and what is missing.

    :param results: "caught", "missed" or "skipped", by scenario and bug.
    """
    columns = list(bugs)
    rows = sorted({scenario for scenario, _ in results})
    names = {row: _short(row) for row in rows}
    wide = max(map(len, names.values()), default=0)
    for digit in (10, 1):
        yield " " * wide + "  " + " ".join(_digit(at + 1, digit) for at in range(len(columns)))
    for row in rows:
        signs = (SIGNS[results[row, bug]] if (row, bug) in results else "." for bug in columns)
        yield f"{names[row]:{wide}}  {' '.join(signs)}"
    yield ""
    for number, (bug, wrong) in enumerate(bugs.items(), 1):
        words = [word for (_, other), word in results.items() if other == bug]
        yield f"{number:3} {bug}: {wrong}: caught by {words.count('caught')} of {len(words)}"
    words = list(results.values())
    yield ", ".join(f"{sign} {word} ({words.count(word)})" for word, sign in SIGNS.items())


def _short(scenario: str) -> str:
    file, _, name = scenario.partition("::")
    return f"{file.removesuffix('.py').replace('/test_', '/')} {name.removeprefix('test_')}"[:64]


def _digit(number: int, place: int) -> str:
    return str(number // place % 10) if number >= place else " "
