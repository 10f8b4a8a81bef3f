"""A runbook: one page of HTML, or of Markdown for a wiki, for one failure mode, with what was measured."""

from __future__ import annotations

import time
from collections.abc import Sequence
from html import escape

from pytest_resilience.report.catalogue import Entry, latencies, noticed, outcomes, over, recoveries, touched
from pytest_resilience.report.findings import Impact, Seen
from pytest_resilience.report.markup import head, steps, table
from pytest_resilience.report.record import Record, Session
from pytest_resilience.report.said import groups

WINDOWS = ("before", "during", "after")
EXPLAINED = (
    "Noticed is from the moment the break began until the first request was over that failed, or was answered by a "
    "status from 500 on or one that nobody had got before. Over is from the heal until the last such request."
)


def listing(entries: Sequence[Entry]) -> str:
    """Return the catalogue as a section of the report's page; nothing where no test is marked."""
    if not entries:
        return ""
    parts = [
        f"<h2>Failure modes</h2><p class=soft>{EXPLAINED}</p>",
        table(
            ("failure mode", "noticed", "over after the heal", "users saw", "p95"),
            (
                (
                    f'<a href="runbooks/{entry.mode.slug}.html">{escape(entry.mode.title)}</a> {_counted(entry)}',
                    escape(entry.noticed),
                    escape(entry.over),
                    escape(outcomes(entry.saw)),
                    escape(entry.slower),
                )
                for entry in entries
            ),
        ),
    ]
    return "".join(parts)


def html(session: Session, entry: Entry) -> str:
    """Return the page of one failure mode, which needs nothing else."""
    mode = entry.mode
    return "\n".join(
        [
            head(f"Runbook: {mode.title}"),
            f"<h1>{escape(mode.title)}</h1>",
            f"<h2>Symptom</h2>{steps(mode.symptom)}",
            f"<h2>Detection</h2>{steps(mode.detection)}",
            f"<h2>Mitigation</h2>{steps(mode.mitigation)}",
            f"<h2>Measured</h2><p class=soft>{escape(_when(session))}</p>",
            *(_html_of(record) for record in entry.records),
            f"<p class=soft>{EXPLAINED}</p>",
            *(f"<p class=about>{escape(line)}</p>" for line in session.about),
            '<p class=soft><a href="../index.html">The whole report</a></p>',
        ]
    )


def markdown(session: Session, entry: Entry) -> str:
    """Return the same in Markdown."""
    mode = entry.mode
    lines = [f"# {_plain(mode.title)}", ""]
    for title, texts in (("Symptom", mode.symptom), ("Detection", mode.detection), ("Mitigation", mode.mitigation)):
        listed = [f"{number}. {text}" for number, text in enumerate(texts, 1)] if len(texts) > 1 else [*texts]
        lines += [f"## {title}", "", *map(_plain, listed), ""]
    lines += ["## Measured", "", _when(session), ""]
    for record in entry.records:
        lines += [f"### {_plain(record.name)}: {record.outcome}", ""]
        lines += [_plain(record.story), ""] if record.story else []
        lines += [f"Not measured: {_plain(_why(record))}", ""] if record.outcome == "skipped" else []
        for one in record.impacts:
            lines += [f"- `{one.fault}` ({touched(record, one)}) under {_plain(one.drive)}"]
            lines += [f"  - noticed: {noticed(one)}", f"  - over: {over(one)}"]
            lines += [f"  - {window}: {_seen(getattr(one, window))}" for window in WINDOWS]
        lines += [f"- {_plain(remark.text)}" for remark in recoveries(record)]
        lines += [
            f"- {'new: ' if one.new else ''}{_plain(one.source)}: `{one.text.replace('`', chr(39))}` × {one.count:,}"
            for one in record.groups
        ]
        lines += ["", f"Again: `{record.replay}`", ""]
    return "\n".join([*lines, EXPLAINED, ""])


def _html_of(record: Record) -> str:
    shown = [
        f"<p><b class={record.outcome}>{record.outcome}</b> {escape(record.name)}</p>",
        f"<p>{escape(record.story)}</p>" if record.story else "",
    ]
    if record.outcome == "skipped":
        shown.append(f"<p>Not measured: {escape(_why(record))}</p>")
    shown += [_html_of_impact(record, one) for one in record.impacts]
    shown += [f"<p>{escape(remark.text)}</p>" for remark in recoveries(record)]
    shown.append(groups(record))
    shown.append(f"<p class=soft>Again: <code>{escape(record.replay)}</code></p>")
    return f"<div class=test>{''.join(shown)}</div>"


def _html_of_impact(record: Record, one: Impact) -> str:
    return (
        f"<p><b>{escape(one.fault)}</b> <span class=soft>{escape(touched(record, one))}; "
        f"under {escape(one.drive)}</span><br>noticed {escape(noticed(one))}; over {escape(over(one))}</p>"
    ) + table(
        ("window", "users saw", "latency"),
        (
            (window, escape(outcomes(seen.outcomes)), escape(latencies(seen)))
            for window, seen in ((window, getattr(one, window)) for window in WINDOWS)
        ),
    )


def _counted(entry: Entry) -> str:
    return " ".join(
        f"<span class={kind}>{count} {kind}</span>"
        for kind in ("failed", "passed", "skipped")
        if (count := sum(record.outcome == kind for record in entry.records))
    )


def _seen(seen: Seen) -> str:
    known = latencies(seen)
    return f"{outcomes(seen.outcomes)}{f' ({known})' if known else ''}"


def _why(record: Record) -> str:
    return record.failure.strip().splitlines()[-1] if record.failure.strip() else "skipped"


def _when(session: Session) -> str:
    when = time.strftime("%Y-%m-%d %H:%M %Z", time.localtime(session.began))
    return f"{when}, size {session.size}, seed {session.seed}."


def _plain(text: str) -> str:
    return " ".join(text.replace("<", "&lt;").split())
