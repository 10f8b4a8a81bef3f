"""The charts of one test: its loads, and what its services used, with the faults as bands."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from pytest_resilience.report.chart import Band, Line, chart, linear, logarithmic
from pytest_resilience.report.findings import Used
from pytest_resilience.report.markup import table
from pytest_resilience.report.record import Drive, Record

STYLES = 6  # colours of services
RESOURCES = (("memory", "memory", "B", 1e6), ("cpu", "processors", "", 0.1),
             ("descriptors", "descriptors", "", 10.0), ("threads", "threads", "", 4.0))  # fmt: skip
QUANTILES = "<i class=p50>p50</i><i class=p95>p95</i><i class=p99>p99</i>"
FAULT = "<i class=fault>fault; darker: fully in force</i>"


def drive(one: Drive, record: Record) -> str:
    """Return a run of load: latency, rate, users and errors over time, and what errors there were."""
    points = one.points
    span = (one.began, max(one.ended, one.began + 0.1))
    shaded = bands(record, span)
    quantiles = [
        Line(name, name, [(each.at, getattr(each, name)) for each in points]) for name in ("p50", "p95", "p99")
    ]
    seen = [value for line in quantiles for _, value in line.points if value is not None]
    rate = Line("rate", "rate", [(each.at, each.rate) for each in points])
    errors = Line("errors", "errors", [(each.at, each.errors) for each in points])
    crowd = [Line("waiting", "p50", [(each.at, each.in_flight) for each in points])]
    if any(each.users is not None for each in points):
        crowd.append(Line("users", "rate", [(each.at, each.users) for each in points]))
    most = [value for line in crowd for _, value in line.points if value is not None]
    wanted = "<i class=rate>users of the profile</i>" if len(crowd) > 1 else ""
    return "".join(
        [
            f"<p><b>{escape(one.title)}</b><br><span class=soft>{escape(one.line)}</span></p>",
            f"<p class=key>latency: {QUANTILES}{FAULT if shaded else ''}</p>",
            chart("latency", "s", quantiles, logarithmic(seen), bands=shaded, span=span),
            "<p class=key>rate</p>",
            chart("rate", "/s", [rate], linear([each.rate for each in points]), bands=shaded, span=span),
            f"<p class=key>users: <i class=p50>waiting for an answer</i>{wanted}</p>",
            chart("users", "", crowd, linear(most), bands=shaded, span=span),
            "<p class=key>errors</p>" if one.errors else "<p class=key>no errors</p>",
            chart(
                "errors", "%", [errors], linear([each.errors for each in points], least=0.01), bands=shaded, span=span
            )
            if one.errors
            else "",
            *_machine(one, shaded, span),
            table(
                ("category", "times", "first of them"),
                (
                    (escape(kind), f"{times:,}", f"<code>{escape(one.examples.get(kind, ''))}</code>")
                    for kind, times in one.errors.items()
                ),
            ),
        ]
    )


def _machine(one: Drive, shaded: Sequence[Band], span: tuple[float, float]) -> list[str]:
    """Return how busy the processors of the machine were; nothing where that was not read."""
    if all(each.busy is None for each in one.points):
        return []
    busy = Line("processors of the machine", "rate", [(each.at, each.busy) for each in one.points])
    return [
        "<p class=key>processors of the machine, whoever used them</p>",
        chart("processors of the machine", "%", [busy], linear([1.0]), bands=shaded, span=span),
    ]


def usage(record: Record) -> str:
    """Return what each service used over time, a chart for each resource; nothing where nothing was read."""
    moments = [use.at for used in record.used for use in used.uses]
    if not moments:
        return ""
    # As wide as the loads, so that one is read below the other.
    began = min((one.began for one in record.drives), default=min(moments))
    span = (began, max(began + 0.1, max((one.ended for one in record.drives), default=max(moments))))
    shaded = bands(record, span)
    names = "".join(f"<i class=s{place % STYLES}>{escape(used.name)}</i>" for place, used in enumerate(record.used))
    parts = [f"<p><b>What services used</b></p><p class=key>{names}{FAULT if shaded else ''}</p>"]
    for field, title, unit, least in RESOURCES:
        lines = [_line(used, field, place, span) for place, used in enumerate(record.used)]
        known = [value for line in lines for _, value in line.points if value is not None]
        if known:
            parts += [
                f"<p class=key>{title}</p>",
                chart(title, unit, lines, linear(known, least=least), bands=shaded, span=span),
            ]
    return "".join(parts)


def bands(record: Record, span: tuple[float, float]) -> Sequence[Band]:
    """Return the faults that were in force within a span of time."""
    found = []
    for one in record.strikes:
        end = span[1] if one.healed is None else one.healed
        if end > span[0] and one.struck < span[1]:
            inner = None if one.full is None else (one.full, end if one.healing is None else one.healing)
            found.append(Band(one.name, one.struck, end, inner))
    return found


def _line(used: Used, field: str, place: int, span: tuple[float, float]) -> Line:
    within = [use for use in used.uses if span[0] <= use.at <= span[1]]
    return Line(used.name, f"s{place % STYLES}", [(use.at, getattr(use, field)) for use in within])
