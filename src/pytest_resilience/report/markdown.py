"""The report as Markdown, for the summary of a CI job: what was struck, what failed and how, what was promised."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pytest_resilience.report.catalogue import Entry, catalogue, outcomes
from pytest_resilience.report.grid import Grid
from pytest_resilience.report.record import Record, Session
from pytest_resilience.report.said import fresh

LINES = 12  # of each failure


def markdown(session: Session, records: Sequence[Record]) -> str:
    """Return the report in Markdown."""
    counts = Counter(record.outcome for record in records)
    counted = ", ".join(f"{counts[kind]} {kind}" for kind in ("passed", "failed", "skipped") if counts[kind])
    lines = [f"## Resilience: {counted or 'nothing ran'}", "", f"Size {session.size}, seed {session.seed}.", ""]
    for record in records:
        if record.outcome == "failed":
            lines += [f"### ✗ {record.name}", "", record.story, "", "```", *_last(record.failure), "```", ""]
            lines += [f"Again: `{record.replay}`", ""]
    lines += _grid(Grid.of(records))
    judged = [(record, one) for record in records for one in record.judged]
    if judged:
        lines += ["| test | promise | verdict | figures |", "|---|---|---|---|"]
        lines += [
            f"| {_cell(record.name)} | `{_cell(one.promise)}` | {one.outcome} | {_cell(one.text)} |"
            for record, one in judged
        ]
        lines.append("")
    lines += _modes(catalogue(records))
    new = fresh(records)
    lines += ["### New errors", ""] * bool(new)
    lines += [
        f"- {record.name}: {_cell(one.source)}: `{one.text.replace('`', chr(39))}` × {one.count:,}"
        for record, one in new
    ]
    lines += [""] * bool(new)
    skipped = [record for record in records if record.outcome == "skipped"]
    lines += [f"- skipped: {record.name}: {record.failure}" for record in skipped]
    return "\n".join(lines).rstrip() + "\n"


def _grid(grid: Grid) -> list[str]:
    if not grid.rows:
        return []
    lines = [f"| | {' | '.join(map(_cell, grid.columns))} |", "|---|" + ":-:|" * len(grid.columns)]
    for row in grid.rows:
        cells = [
            str(grid.cells[row, column][0] or "–") if (row, column) in grid.cells else "" for column in grid.columns
        ]
        lines.append(f"| **{_cell(row)}** | {' | '.join(cells)} |")
    return [*lines, ""]


def _modes(entries: Sequence[Entry]) -> list[str]:
    if not entries:
        return []
    lines = ["| failure mode | noticed | over after the heal | users saw | p95 |", "|---|---|---|---|---|"]
    for entry in entries:
        cells = (entry.mode.title, entry.noticed, entry.over, outcomes(entry.saw), entry.slower)
        lines.append(f"| {' | '.join(map(_cell, cells))} |")
    return [*lines, ""]


def _last(text: str) -> list[str]:
    return text.replace("```", "'''").splitlines()[-LINES:]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
