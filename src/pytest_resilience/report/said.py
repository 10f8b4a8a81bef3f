"""What services said: their errors during a test as HTML, and those that are new."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from pytest_resilience.report.findings import Group, Impact
from pytest_resilience.report.markup import table
from pytest_resilience.report.record import Drive, Record

UNKNOWN = "Nothing to compare the errors of services with: no earlier report in this folder has these tests."
SAME = "No kind of error that the report before did not have."


def answers(drives: Iterable[Drive], impacts: Iterable[Impact]) -> list[Group]:
    """Return what loads were answered with: each category of failure, and each status from 500 on that was expected."""
    met = list(impacts)
    found = []
    for drive in drives:
        mine = [one for one in met if one.drive == drive.title]
        expected = {
            outcome for one in mine for outcome in one.during.outcomes if outcome >= "500" and outcome.isdigit()
        }
        for outcome in [*drive.errors, *sorted(expected)]:
            when = {f"during {one.fault}": one.during.outcomes.get(outcome, 0) for one in mine}
            when = {phase: count for phase, count in when.items() if count}
            count = drive.errors.get(outcome) or sum(when.values())
            example = drive.examples.get(outcome, "")
            found.append(
                Group(source=drive.title, kind="answer", text=outcome, count=count, example=example, when=when)
            )
    return found


def groups(record: Record) -> str:
    """Return the errors of one test; nothing for none."""
    rows = table(
        ("errors", "times", "what", "when"),
        (
            (
                f"{escape(one.source)}{' <b class=inconclusive>new</b>' if one.new else ''}",
                f"{one.count:,}",
                f'<code title="{escape(one.example)}">{escape(one.text)}</code>',
                escape(", ".join(f"{count:,} {phase}" for phase, count in one.when.items())),
            )
            for one in record.groups
        ),
    )
    return (
        f"<details><summary class=soft>{len(record.groups)} kinds of errors</summary>{rows}</details>" if rows else ""
    )


def fresh(records: Iterable[Record]) -> list[tuple[Record, Group]]:
    """Return the errors that are new, with their tests."""
    return [(record, group) for record in records for group in record.groups if group.new]


def novelties(records: Sequence[Record]) -> str:
    """Return the section of what is new; nothing where nobody had an error."""
    every = [group for record in records for group in record.groups]
    if not every:
        return ""
    new = fresh(records)
    title = "<h2>New errors</h2>"
    if not new:
        return f"{title}<p class=soft>{SAME if any(group.new is False for group in every) else UNKNOWN}</p>"
    return title + table(
        ("test", "errors", "times", "first of them"),
        (
            (
                escape(record.name),
                f"{escape(group.source)}: <code>{escape(group.text)}</code>",
                f"{group.count:,}",
                f"<code>{escape(group.example)}</code>",
            )
            for record, group in new
        ),
    )
