"""The course of what services hold, over minutes or days, and whether it grows.

::

    with load(Get(f"{app.url}/slots"), rate=50) as run, Course(app, postgres_server) as course:
        run.hold(600)
    assert course.steady()
"""

from __future__ import annotations

import threading
import time
from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby

from pytest_resilience import timeline
from pytest_resilience.errors import UsageError
from pytest_resilience.measure.growth import Figure, judged
from pytest_resilience.measure.probe import NumberProbe, Probe
from pytest_resilience.measure.verdict import Verdict
from pytest_resilience.measure.watching import EVERY, Watching

WARMUP, SHARE = 600.0, 0.25  # seconds left out of each life's beginning, and the share of it, whichever is less


@dataclass
class Track:
    """The readings of one figure.

    :ivar at: seconds.
    :ivar value: what was read.
    :ivar life: which life of what was read it was in.
    """

    at: array[float] = field(default_factory=lambda: array("d"))
    value: array[float] = field(default_factory=lambda: array("d"))
    life: array[int] = field(default_factory=lambda: array("l"))

    def add(self, at: float, value: float, life: int) -> None:
        """Add a reading."""
        self.life.append(life)
        self.value.append(value)
        self.at.append(at)  # last: what has its time is whole

    def rows(self) -> Iterator[tuple[float, float, int]]:
        """Yield the readings that are whole."""
        return zip(self.at[:], self.value, self.life, strict=False)


Tracks = dict[str, Track]


def steadiness(
    tracks: Mapping[str, Track],
    *,
    allow: Mapping[str, float] | None = None,
    warmup: float | None = None,
    window: str = "",
) -> Verdict:
    """Judge whether any figure grows; see `Course.steady`."""
    allow = allow or {}
    for name, more in allow.items():
        if not any(name in (one, one.rpartition(" ")[2]) for one in tracks):
            raise UsageError(f"steady(allow={dict(allow)}): {name!r} is none of {', '.join(tracks) or 'nothing read'}")
        if not more >= 0:
            raise UsageError(f"steady(allow={dict(allow)}): expected by how much {name} may grow in an hour, 0 or more")
    if warmup is not None and not warmup >= 0:
        raise UsageError(f"steady(warmup={warmup}): expected seconds, zero or more")
    findings = []
    for name, track in tracks.items():
        lives = groupby(track.rows(), key=lambda row: row[2])
        figure = Figure(name, tuple(tuple((at, value) for at, value, _ in life) for _, life in lives))
        allowed = allow.get(name, allow.get(name.rpartition(" ")[2]))
        share = SHARE if warmup is None else 1.0
        findings.append(judged(figure, warmup=WARMUP if warmup is None else warmup, share=share, allowed=allowed))
    verdict = Verdict(tuple(findings), window)
    timeline.current().claim(f"steady({', '.join(tracks)})", verdict.outcome.value, str(verdict))
    return verdict


class Course(Watching):
    """Reads what services hold from when it is entered until it is left, from a thread of its own.

    Memory, descriptors, threads and processes of each service, and the connections of Postgres and Redis. What is down
    is left out until it is up again, which begins a new life. Any error but one of this package, or of the operating
    system, ends the readings, and is raised when the course is left.

    :ivar tracks: the readings, by figure: `clinic memory`.
    """

    def __init__(self, *things: object, every: float = EVERY, **numbers: Callable[[], object]) -> None:
        """Watch services and servers, and any number that can be read by a function.

        :param every: seconds between two readings.
        :raises UsageError: there is nothing to watch, or something that cannot be.
        """
        if not things and not numbers:
            raise UsageError("Course(): give what is to be watched: Course(app, postgres_server)")
        super().__init__(every=every)
        self._probes: list[Probe | NumberProbe] = [Probe(thing) for thing in things]
        self._probes += [NumberProbe(name, read) for name, read in numbers.items()]
        names = [probe.name for probe in self._probes]
        if len(set(names)) < len(names):
            twice = ", ".join(sorted({one for one in names if names.count(one) > 1}))
            raise UsageError(f"Course(): {twice} comes twice: give each a name of its own")
        self.tracks = self._blank()
        self._lock = threading.Lock()

    def take(self) -> Tracks:
        """Return the readings so far, and forget them."""
        with self._lock:
            taken, self.tracks = self.tracks, self._blank()
        return taken

    def steady(self, *, allow: Mapping[str, float] | None = None, warmup: float | None = None) -> Verdict:
        """Judge whether anything grows on and on: a verdict with one finding a figure, true only if nothing does.

        A figure is *missed* where it certainly grows by more than it may, throughout the time; *met* where it
        certainly does not; and inconclusive where the readings are too few or too unsteady to tell.

        :param allow: by how much a figure may grow in an hour, by its whole name or its last word
            (`{"memory": 5e6}`: bytes); by default no more, in all, than 2 % or 2 MiB of memory, and 2 of anything else.
        :param warmup: seconds to leave out after each start; by default a quarter of each life, ten minutes at most.
        :raises UsageError: an argument cannot be meant.
        """
        return steadiness(self.tracks, allow=allow, warmup=warmup)

    def _blank(self) -> Tracks:
        # What was never read is judged too, and is inconclusive.
        return {name: Track() for probe in self._probes for name in probe.least}

    def _take(self) -> None:
        for probe in self._probes:
            found = probe()
            now = time.monotonic()
            with self._lock:
                for name, value in found.items():
                    self.tracks.setdefault(name, Track()).add(now, value, probe.life)
