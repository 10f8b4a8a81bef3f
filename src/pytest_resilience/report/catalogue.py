"""The catalogue of failure modes: for each, the tests that stand for it and what was measured in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pytest_resilience.measure import words
from pytest_resilience.report.failure import FailureMode
from pytest_resilience.report.findings import Impact, Seen
from pytest_resilience.report.grid import receipt
from pytest_resilience.report.record import Record, Remark, Strike

KINDS_SHOWN = 5  # of outcomes in a window
NOBODY = "not at all"


@dataclass(frozen=True)
class Entry:
    """One failure mode, and the records of the tests that are marked with it."""

    mode: FailureMode
    records: Sequence[Record]

    @property
    def impacts(self) -> list[tuple[Record, Impact]]:
        """What the faults of its tests did to their loads; a skipped test has measured nothing."""
        return [(record, one) for record in self.records if record.outcome != "skipped" for one in record.impacts]

    @property
    def noticed(self) -> str:
        """The range of times in which users noticed."""
        every = [one.noticed for _, one in self.impacts]
        seen = [value for value in every if value is not None]
        if not seen:
            return NOBODY if every else "not measured"
        hidden = len(every) - len(seen)
        return f"{_range(seen)}{f' ({hidden} of {len(every)} not at all)' if hidden else ''}"

    @property
    def over(self) -> str:
        """The range of times in which it was over after the heal."""
        every = [over(one) for _, one in self.impacts if one.noticed is not None]
        if not every:
            return "–"
        known = [one.over for _, one in self.impacts if one.over is not None and one.calm > 0]
        return _range(known) if len(known) == len(every) else "not while the load went on"

    @property
    def saw(self) -> dict[str, int]:
        """What came of all requests that met the faults."""
        total: dict[str, int] = {}
        for _, one in self.impacts:
            for outcome, count in one.during.outcomes.items():
                total[outcome] = total.get(outcome, 0) + count
        return dict(sorted(total.items(), key=lambda pair: (-pair[1], pair[0])))

    @property
    def slower(self) -> str:
        """The p95 before and during the fault that had the highest; of failures, too."""
        known = [(one.during.p95, one.before.p95) for _, one in self.impacts if one.during.p95 is not None]
        if not known:
            return "–"
        during, before = max(known, key=lambda pair: pair[0] or 0.0)
        return f"{'?' if before is None else words.seconds(before)} → {words.seconds(during or 0.0)}"


def catalogue(records: Iterable[Record]) -> list[Entry]:
    """Return the failure modes of the tests, by title."""
    found: dict[str, tuple[FailureMode, list[Record]]] = {}
    for record in records:
        for mode in record.modes:
            found.setdefault(mode.slug, (mode, []))[1].append(record)
    entries = [Entry(mode, of) for mode, of in found.values()]
    return sorted(entries, key=lambda entry: entry.mode.title.lower())


def noticed(one: Impact) -> str:
    """Write when users noticed, and by what."""
    return NOBODY if one.noticed is None else f"after {words.seconds(one.noticed)}, by {one.by}"


def over(one: Impact) -> str:
    """Write when it was over."""
    if one.noticed is None:
        return "–"
    if one.over is None:
        return "never healed"
    if one.calm <= 0:
        return "not while the load went on"
    when = f"{words.seconds(one.over)} after the heal" if one.over else "with the heal"
    return f"{when}, and calm for {words.seconds(one.calm)}"


def outcomes(seen: Mapping[str, int]) -> str:
    """Write how often each outcome came."""
    shown = [f"{outcome} × {count:,}" for outcome, count in seen.items()]
    more = len(shown) - KINDS_SHOWN
    return ", ".join(shown[:KINDS_SHOWN] + ([f"and {more} more kinds"] if more > 0 else [])) or "nothing"


def latencies(seen: Seen) -> str:
    """Write the quantiles for which there were enough samples."""
    known = ((name, getattr(seen, name)) for name in ("p50", "p95", "p99"))
    return ", ".join(f"{name} {words.seconds(value)}" for name, value in known if value is not None)


def strike_of(record: Record, one: Impact) -> Strike | None:
    """Return the fault that the impact is of."""
    return next((each for each in record.strikes if each.name == one.fault and each.struck == one.struck), None)


def touched(record: Record, one: Impact) -> str:
    """Write for how long the fault was in force and what it touched."""
    strike = strike_of(record, one)
    if strike is None:
        return ""
    lasted = "never healed" if strike.healed is None else words.seconds(strike.healed - strike.struck)
    return f"{lasted}; {receipt(strike)}"


def recoveries(record: Record) -> list[Remark]:
    """Return what the test itself said of the time to recover, to its own objective."""
    return [remark for remark in record.remarks if remark.text.startswith("recovery from ")]


def _range(values: Sequence[float]) -> str:
    low, high = words.seconds(min(values)), words.seconds(max(values))
    return low if low == high else f"{low} to {high}"
