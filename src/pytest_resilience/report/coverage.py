"""The coverage grid: which fault of which dependency was exercised, over all tests of a session."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pytest_resilience.report.naming import is_whole, parts
from pytest_resilience.report.story import Story

# From the least to the most that can be said of a fault; the most that any test has shown counts.
WORDS = ("skipped", "idle", "bit")
LEGEND = "bit: it touched something; idle: struck, and touched nothing, as it may; -: not exercised"


def covered(story: Story) -> str:
    """Return what a test has exercised, to be merged at the end: `redis.killed=bit;redis.paused=idle`."""
    words = dict.fromkeys(story.cells, "skipped")
    for episode in story.timeline.episodes:
        if is_whole(episode.name):
            continue
        word = "bit" if episode.receipt.bit else "idle"
        words[episode.name] = max(word, words.get(episode.name, word), key=WORDS.index)
    return ";".join(f"{name.replace(';', ',')}={word}" for name, word in words.items())


def merged(told: Iterable[str]) -> dict[tuple[str, str], str]:
    """Return the most that was shown of each dependency and fault."""
    words: dict[tuple[str, str], str] = {}
    for part in ";".join(told).split(";"):
        name, _, word = part.rpartition("=")
        if name:
            pair = parts(name)
            words[pair] = max(word, words.get(pair, word), key=WORDS.index)
    return words


def grid_lines(words: Mapping[tuple[str, str], str], *, width: int = 100) -> list[str]:
    """Return the grid: a row for each dependency, a column for each fault; in several pieces where it is too wide.

    Empty for less than two pairs, of which a grid would say no more than the line of their test does.
    """
    if len(words) < 2:
        return []
    rows = sorted({row for row, _ in words})
    columns = sorted({column for _, column in words})
    first = max(len(row) for row in [*rows, "fault coverage"])
    lines = []
    for piece in _pieces(columns, width - first):
        lines.append(
            "".join(["fault coverage".ljust(first), *(f"  {column.ljust(_wide(column))}" for column in piece)]).rstrip()
        )
        for row in rows:
            cells = [f"  {words.get((row, column), '-').ljust(_wide(column))}" for column in piece]
            lines.append("".join([row.ljust(first), *cells]).rstrip())
    return [*lines, LEGEND]


def _pieces(columns: Sequence[str], width: int) -> list[list[str]]:
    pieces: list[list[str]] = [[]]
    for column in columns:
        if pieces[-1] and sum(_wide(one) + 2 for one in [*pieces[-1], column]) > width:
            pieces.append([])
        pieces[-1].append(column)
    return pieces


def _wide(column: str) -> int:
    return max(len(column), *map(len, WORDS))
