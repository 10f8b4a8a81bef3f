"""The record of one test: its story in plain values, as the report shows it and as `report.json` keeps it.

Times are seconds since the timeline of the test began; `began` alone is seconds since the epoch. The schema is this
file; what is in it only ever grows within one `VERSION`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields

from pytest_resilience.report.failure import FailureMode
from pytest_resilience.report.findings import Group, Impact, Seen, Use, Used
from pytest_resilience.report.naming import parts

SCHEMA = "pytest-resilience-report"
VERSION = 1

Plain = int | float | str


@dataclass(frozen=True, kw_only=True)
class Strike:
    """A fault that was in force.

    :ivar healed: None if it never was.
    :ivar full: from when it was fully struck, and `healing` until when: None for not at all.
    :ivar receipt: what it touched.
    :ivar bit: whether it touched anything.
    """

    name: str
    struck: float
    healed: float | None
    receipt: Mapping[str, Plain]
    bit: bool
    full: float | None = None
    healing: float | None = None

    @property
    def target(self) -> str:
        """What it struck."""
        return parts(self.name)[0]

    @property
    def kind(self) -> str:
        """What it did."""
        return parts(self.name)[1]


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A promise that was held against what was measured, with the figures and their bounds in words.

    :ivar outcome: "met", "missed" or "inconclusive".
    :ivar limits: what was promised, by name; empty where it was no objective in figures.
    """

    at: float
    promise: str
    outcome: str
    text: str
    limits: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Point:
    """A stretch of a run, at its middle.

    :ivar rate: samples that were due in it, per second.
    :ivar errors: the share of them that failed; latencies are in seconds, None where none was due.
    :ivar in_flight: how many requests were waited for on average.
    :ivar users: how many users the profile wanted at work or connected; None for a rate.
    :ivar busy: how busy the processors of the machine were, 0 to 1; None where that was not read.
    """

    at: float
    rate: float
    errors: float
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    in_flight: float = 0.0
    users: float | None = None
    busy: float | None = None


@dataclass(frozen=True, kw_only=True)
class Drive:
    """A run of load.

    :ivar line: what came of it, in one line.
    :ivar errors: how often each category of failure came.
    :ivar examples: the first message of each.
    """

    title: str
    line: str
    began: float
    ended: float
    samples: int
    errors: Mapping[str, int]
    examples: Mapping[str, str]
    points: tuple[Point, ...]


@dataclass(frozen=True, kw_only=True)
class Remark:
    """Something that was noted at a moment."""

    at: float
    text: str


@dataclass(frozen=True, kw_only=True)
class Record:
    """What one test did.

    :ivar outcome: "passed", "failed" or "skipped".
    :ivar began: when, in seconds since the epoch.
    :ivar story: its docstring.
    :ivar kinds: which of chaos, load, stress and soak it is marked with.
    :ivar failure: what pytest said of it, or why it was skipped.
    :ivar replay: the command that runs it again with the same random choices.
    :ivar modes: the failure modes that it stands for.
    :ivar impacts: what each fault did to each load.
    :ivar used: what each service used over time.
    :ivar groups: the errors of its services and loads, by what they have in common.
    """

    name: str
    outcome: str
    began: float
    seconds: float
    story: str
    kinds: tuple[str, ...]
    failure: str
    replay: str
    strikes: tuple[Strike, ...] = ()
    judged: tuple[Judged, ...] = ()
    drives: tuple[Drive, ...] = ()
    remarks: tuple[Remark, ...] = ()
    modes: tuple[FailureMode, ...] = ()
    impacts: tuple[Impact, ...] = ()
    used: tuple[Used, ...] = ()
    groups: tuple[Group, ...] = ()

    def to_json(self) -> str:
        """Return it as one line of JSON."""
        return json.dumps(asdict(self), default=str)

    @classmethod
    def from_json(cls, text: str) -> Record:
        """Return the record that `to_json` wrote.

        :raises ValueError: it is none.
        """
        given = json.loads(text)
        given |= {
            "kinds": tuple(given["kinds"]),
            "strikes": tuple(Strike(**each) for each in given["strikes"]),
            "judged": tuple(Judged(**each) for each in given["judged"]),
            "remarks": tuple(Remark(**each) for each in given["remarks"]),
            "drives": tuple(
                Drive(**(each | {"points": tuple(Point(**point) for point in each["points"])}))
                for each in given["drives"]
            ),
            "modes": tuple(FailureMode.of(each) for each in given["modes"]),
            "impacts": tuple(
                Impact(**(each | {window: Seen(**each[window]) for window in ("before", "during", "after")}))
                for each in given["impacts"]
            ),
            "used": tuple(
                Used(name=each["name"], uses=tuple(Use(**use) for use in each["uses"])) for each in given["used"]
            ),
            "groups": tuple(Group(**each) for each in given["groups"]),
        }
        return cls(**given)


@dataclass(frozen=True, kw_only=True)
class Session:
    """What all records of a report have in common.

    :ivar began: when, in seconds since the epoch.
    :ivar about: backend, versions, size and seed, as in the header.
    """

    began: float
    size: str
    seed: int
    about: tuple[str, ...] = field(default=())

    def to_json(self, records: list[Record], *, seen: Mapping[str, object] | None = None) -> str:
        """Return the whole report as JSON; `seen` is what earlier ones had, for the next to be compared with."""
        head = {each.name: getattr(self, each.name) for each in fields(self)}
        tests = [json.loads(record.to_json()) for record in records]
        return (
            json.dumps(
                {"schema": SCHEMA, "version": VERSION, "session": head, "tests": tests, "seen": seen or {}}, indent=1
            )
            + "\n"
        )
