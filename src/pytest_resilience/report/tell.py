"""Telling: a story, which holds what ran, becomes a record, which holds plain values."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol, runtime_checkable

from pytest_resilience.measure import figures
from pytest_resilience.measure.crowd import in_flight
from pytest_resilience.measure.samples import Samples
from pytest_resilience.report.failure import FailureMode
from pytest_resilience.report.impact import impacts
from pytest_resilience.report.logs import bounded
from pytest_resilience.report.record import Drive, Judged, Point, Record, Remark, Strike
from pytest_resilience.report.said import answers
from pytest_resilience.report.story import Story
from pytest_resilience.timeline import Episode

STRETCHES = 90  # of a run, at most
SHORTEST = 0.1  # seconds


@runtime_checkable
class Driven(Protocol):
    """What a run of load tells of itself."""

    @property
    def title(self) -> str:
        """What was driven, and how hard."""

    @property
    def said(self) -> str:
        """What came of it, in one line."""

    @property
    def samples(self) -> Samples:
        """What was measured."""

    @property
    def examples(self) -> dict[str, str]:
        """The first message of each category of failure."""

    @property
    def began(self) -> float:
        """When, in monotonic seconds."""

    @property
    def entered(self) -> bool:
        """Whether it began."""

    @property
    def elapsed(self) -> float:
        """For how many seconds."""


@runtime_checkable
class Peopled(Protocol):
    """A run that may have users."""

    def users_at(self, elapsed: float) -> float | None:
        """Return how many are wanted so many seconds after it began; None where it has a rate."""


def tell(
    story: Story,
    *,
    name: str,
    outcome: str,
    seconds: float,
    doc: str,
    kinds: tuple[str, ...],
    failure: str,
    replay: str,
    modes: tuple[FailureMode, ...] = (),
) -> Record:
    """Return the record of a test whose story is over."""
    origin = story.timeline.started
    runs = [run for run in (*story.runs, *story.soaks) if isinstance(run, Driven) and run.entered]
    episodes, witness = story.timeline.episodes, story.witness
    drives = tuple(_drive(run, origin) for run in runs)
    met = tuple(one for run in runs for one in impacts(run.samples, run.title, episodes, origin))
    return Record(
        name=name,
        outcome=outcome,
        began=time.time() - (time.monotonic() - origin),
        seconds=seconds,
        story=doc,
        kinds=kinds,
        failure=failure,
        replay=replay,
        strikes=tuple(_strike(each, origin) for each in episodes),
        judged=tuple(
            Judged(at=each.at - origin, promise=each.promise, outcome=each.outcome, text=each.text, limits=each.limits)
            for each in story.timeline.claims
        ),
        drives=drives,
        remarks=tuple(Remark(at=each.at - origin, text=each.text) for each in story.timeline.marks),
        modes=modes,
        used=() if witness is None else witness.used,
        groups=tuple(bounded([*answers(drives, met), *([] if witness is None else witness.logs.groups(episodes))])),
        impacts=met,
    )


def _strike(episode: Episode, origin: float) -> Strike:
    return Strike(
        name=episode.name,
        struck=episode.striking - origin,
        healed=None if episode.healed is None else episode.healed - origin,
        receipt=dict(episode.receipt.counts),
        bit=episode.receipt.bit,
        full=episode.struck - origin,
        healing=None if episode.healing is None else episode.healing - origin,
    )


def _drive(run: Driven, origin: float) -> Drive:
    samples, began = run.samples, run.began
    ended = began + run.elapsed
    return Drive(
        title=run.title,
        line=run.said,
        began=began - origin,
        ended=ended - origin,
        samples=len(samples),
        errors=samples.errors if len(samples) else {},
        examples=shortened(run.examples),
        points=tuple(points(samples, began, ended, origin, users=run.users_at if isinstance(run, Peopled) else None)),
    )


def shortened(examples: Mapping[str, str], *, most: int = 500) -> dict[str, str]:
    """Return the messages, none longer than `most` characters."""
    return {kind: text if len(text) <= most else f"{text[:most]}…" for kind, text in examples.items()}


def points(
    samples: Samples,
    began: float,
    ended: float,
    origin: float,
    *,
    users: Callable[[float], float | None] | None = None,
) -> Iterator[Point]:
    """Yield the run in stretches of one length; `users` says how many were wanted so many seconds after it began."""
    length = max(SHORTEST, (ended - began) / STRETCHES, samples.resolution)
    stretches = math.ceil((ended - began) / length - 1e-9)
    crowd = in_flight(samples.view, began, length, stretches)
    for place in range(stretches):
        start = began + place * length
        end = min(start + length, ended)
        window = samples.between(start, end) if end > start else None
        if window is None:
            continue
        at, count = (start + end) / 2 - origin, len(window)
        wanted = None if users is None else users((start + end) / 2 - began)
        busy = None if math.isnan(window.busy) else window.busy
        if not count:
            yield Point(at=at, rate=0.0, errors=0.0, in_flight=crowd[place], users=wanted, busy=busy)
            continue
        ordered = window.spread()
        yield Point(
            at=at,
            rate=count / (end - start),
            errors=window.failures / max(count - window.impatient, 1),
            p50=figures.quantile(ordered, 0.5),
            p95=figures.quantile(ordered, 0.95),
            p99=figures.quantile(ordered, 0.99),
            in_flight=crowd[place],
            users=wanted,
            busy=busy,
        )
