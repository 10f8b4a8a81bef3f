"""The page: one self-contained HTML file, which loads nothing and runs nothing."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from html import escape

from pytest_resilience.report import charts, said
from pytest_resilience.report.catalogue import catalogue
from pytest_resilience.report.grid import Grid, receipt
from pytest_resilience.report.markup import head, table
from pytest_resilience.report.record import Judged, Record, Session
from pytest_resilience.report.runbook import listing

ORDER = {"failed": 0, "passed": 1, "skipped": 2}
MANY = 8  # remarks that are shown without being asked for


def page(session: Session, records: Sequence[Record]) -> str:
    """Return the whole report, what failed first."""
    counts = Counter(record.outcome for record in records)
    shown = sorted(records, key=lambda record: (ORDER[record.outcome], record.name))
    when = time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(session.began))
    parts = [
        head(f"Resilience: {_counted(counts)}"),
        f"<h1>Resilience report</h1><p class=soft>{when} · size {escape(session.size)} · seed {session.seed}</p>",
        "<p class=counts>",
        *(f"<span class={kind}><b>{counts[kind]}</b>{kind}</span>" for kind in ORDER if counts[kind]),
        "</p>",
        *(f"<p class=about>{escape(line)}</p>" for line in session.about),
        _coverage(Grid.of(records)),
        listing(catalogue(records)),
        said.novelties(shown),
        "<h2>Scenarios</h2>",
        *(_test(record, session.began) for record in shown),
    ]
    return "\n".join(part for part in parts if part) + "\n"


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{counts[kind]} {kind}" for kind in ORDER if counts[kind]) or "nothing ran"


def _coverage(grid: Grid) -> str:
    if not grid.rows:
        return ""
    head = "".join(f"<th>{escape(column)}</th>" for column in grid.columns)
    rows = []
    for target in grid.rows:
        cells = "".join(_cell(grid.cells.get((target, column))) for column in grid.columns)
        rows.append(f"<tr><th>{escape(target)}</th>{cells}</tr>")
    return (
        "<h2>What was struck by what</h2><p class=soft>Tests in which the fault bit; in brackets those in which it "
        "touched nothing, as expected.</p>"
        f"<div class=scroll><table><tr><th></th>{head}</tr>{''.join(rows)}</table></div>"
    )


def _cell(counted: tuple[int, int] | None) -> str:
    if counted is None:
        return "<td class='cell soft'>·</td>"
    bit, idle = counted
    return f"<td class=cell>{bit or '·'}{f' ({idle})' if idle else ''}</td>"


def _test(record: Record, began: float) -> str:
    is_open = " open" if record.outcome == "failed" else ""
    kinds = f" <span class=soft>{escape(' '.join(record.kinds))}</span>" if record.kinds else ""
    body = [
        f"<p>{escape(record.story)}</p>" if record.story else "",
        f"<pre>{escape(record.failure)}</pre>" if record.failure else "",
        _judged(record),
        *(charts.drive(drive, record) for drive in record.drives),
        charts.usage(record),
        said.groups(record),
        _strikes(record),
        _remarks(record),
        f"<p class=soft>Again: <code>{escape(record.replay)}</code></p>",
    ]
    return (
        f"<details class=test{is_open}><summary><b class={record.outcome}>{record.outcome}</b> "
        f"<span class=took>{record.seconds:.1f} s, after {max(0.0, record.began - began):.0f} s</span>"
        f"{escape(record.name)}{kinds}</summary>{''.join(body)}</details>"
    )


def _judged(record: Record) -> str:
    return table(("verdict", "promise", "figures"), map(_judgement, record.judged))


def _judgement(one: Judged) -> tuple[str, str, str]:
    figures = one.text.removeprefix(f"{one.outcome}: ")
    return f"<b class={one.outcome}>{one.outcome}</b>", f"<code>{escape(one.promise)}</code>", escape(figures)


def _strikes(record: Record) -> str:
    return table(
        ("fault", "struck at", "lasted", "touched"),
        (
            (
                escape(one.name),
                f"{one.struck:.2f} s",
                "<b class=missed>never healed</b>" if one.healed is None else f"{one.healed - one.struck:.2f} s",
                escape(receipt(one)),
            )
            for one in record.strikes
        ),
    )


def _remarks(record: Record) -> str:
    if not record.remarks:
        return ""
    is_open = " open" if len(record.remarks) <= MANY else ""
    lines = "\n".join(f"{one.at:9.3f} s  {escape(one.text)}" for one in record.remarks)
    return f"<details{is_open}><summary class=soft>{len(record.remarks)} remarks</summary><pre>{lines}</pre></details>"
