"""The soaker: what the `soak` fixture gives; drives load for hours, in rounds, beside faults that come now and then."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack, contextmanager
from itertools import filterfalse
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

from pytest_resilience.errors import FaultDidNotBite, UsageError
from pytest_resilience.measure.course import Course
from pytest_resilience.measure.frozen import freeze
from pytest_resilience.measure.probe import Harness
from pytest_resilience.measure.sample import Sample
from pytest_resilience.measure.samples import Samples
from pytest_resilience.soak.logbook import Identity, Logbook
from pytest_resilience.soak.round import Columns, Round, columns
from pytest_resilience.soak.soak import Soak

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_resilience.faults.fault import Fault
    from pytest_resilience.measure.course import Tracks
    from pytest_resilience.timeline import Episode, Timeline

PIECES = 10  # histograms of each round
ROUNDS, SHORTEST, LONGEST = 12, 10.0, 600.0  # rounds that a soak has at least, and the seconds that one takes
READINGS, SELDOM, OFTEN = 3000, 10.0, 0.1  # readings in all, and the seconds between two of them
SETTLING = 1.0  # seconds of each round, at most, until load is steady

Span = tuple[float, float]


class Driven(Protocol):
    """A run of load."""

    def __enter__(self) -> Driven:
        """Begin."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End."""

    def hold(self, seconds: float) -> None:
        """Let the load go on."""

    @property
    def samples(self) -> Samples:
        """What was answered."""

    @property
    def examples(self) -> dict[str, str]:
        """The first message of each category of failure."""

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes that drive it."""

    @property
    def began(self) -> float:
        """When its first arrival was due, in monotonic seconds."""


class Soaker:
    """Drives soaks.

    :ivar duration: the seconds of load that a soak of this session takes in all.
    """

    def __init__(
        self,
        identity: Identity,
        *,
        folder: Callable[[], Path],
        forget: Callable[[Driven], None],
        usage: Callable[[Iterable[int]], object],
        line: Timeline,
        note: Callable[[str], None],
        tell: Callable[[Soak], None],
    ) -> None:
        self._identity, self._folder, self._forget, self._line = identity, folder, forget, line
        self._usage, self._note, self._tell = usage, note, tell
        self.duration = identity.duration
        self._book: Logbook | None = None
        self._used = False

    @property
    def segment(self) -> int:
        """How often the soak has been resumed: 0 in a pytest that begins it. A seed for what is to differ then."""
        return self._opened().segment

    def __call__(
        self,
        drive: Callable[[], Driven],
        *watched: object,
        faults: Fault | None = None,
        grace: float = 5.0,
        checkpoint: float | None = None,
        **numbers: Callable[[], object],
    ) -> Soak:
        """Drive load until `--resilience-duration` is over, and return what came of it.

        ::

            found = soak(lambda: load(Get(f"{app.url}/slots"), rate=50), app, postgres_server, faults=monkey(...))

        :param drive: returns a new run of load for each round.
        :param watched: services and servers whose memory, descriptors, threads and connections are read.
        :param faults: struck for all of the time: a monkey, most likely, with long gaps.
        :param grace: seconds after the heal of a fault until what happens counts as calm again.
        :param checkpoint: the seconds of a round, after which all is written to disk; by default a twelfth of the
            duration, from 10 s to 10 min.
        :param numbers: other things to be watched, by name: `queue=lambda: redis_server.command("LLEN", "jobs")`.
        :raises UsageError: an argument cannot be meant, the state on disk is of another soak, or this is the second
            soak of the test.
        :raises FaultDidNotBite: `faults` touched nothing in all of the time.
        """
        if not watched and not numbers:
            raise UsageError("soak(...): give what is to be watched: soak(lambda: load(...), app, postgres_server)")
        if not 0 <= grace < math.inf:
            raise UsageError(f"soak(grace={grace}): expected seconds, zero or more")
        if checkpoint is not None and not 0 < checkpoint < math.inf:
            raise UsageError(f"soak(checkpoint={checkpoint}): expected seconds, more than zero")
        if self._used:
            raise UsageError("soak(...): a test has one soak: write another test for the other")
        self._used = True
        book = self._opened()
        each = checkpoint or min(LONGEST, max(SHORTEST, self.duration / ROUNDS))
        every = min(SELDOM, max(OFTEN, self.duration / READINGS))
        done = sum(one.held for one in book.rounds())
        if self.duration - done > each / 1000:
            crew = _Crew(self._usage)
            services, harness = Course(*watched, every=every, **numbers), Course(Harness(), crew, every=every)
            with ExitStack() as stack:
                stack.enter_context(services)
                stack.enter_context(harness)
                episode = stack.enter_context(_bitten_before(faults, book)) if faults is not None else None
                segment = _Segment(self._line, book, (services, harness), episode, grace)
                while (left := self.duration - done) > each / 1000:
                    length = left if left < 1.5 * each else each
                    run = drive()
                    with run:
                        crew.run = run
                        run.hold(length)
                        ended = time.monotonic()
                        crew.run = None
                    segment.note(run, length, ended)
                    self._forget(run)
                    done += length
                    del run
                    gc.collect()  # a run refers to itself, and its samples would wait for a collection that is rare
        book.end()
        found = Soak(list(book.rounds()))
        self._note(f"{self._identity.test}: {found!r}")
        self._tell(found)
        return found

    def close(self) -> None:
        """Let go of the state on disk."""
        if self._book is not None:
            self._book.close()

    def _opened(self) -> Logbook:
        if self._book is None:
            self._book = Logbook(self._folder(), self._identity)
        return self._book


class _Crew:
    """The drivers of the run that goes on, as something to be watched."""

    name = "drivers"

    def __init__(self, usage: Callable[[Iterable[int]], object]) -> None:
        self._usage = usage
        self.run: Driven | None = None

    def usage(self) -> object:
        run = self.run
        if run is None:
            raise ProcessLookupError("no load is driven now")
        return self._usage(run.pids)


class _Segment:
    """The rounds that one pytest drives."""

    def __init__(
        self, line: Timeline, book: Logbook, courses: tuple[Course, Course], faults: Episode | None, grace: float
    ) -> None:
        self._line, self._book, self._courses, self._faults, self._grace = line, book, courses, faults, grace
        self._ahead = time.time() - time.monotonic()
        self._known = set(map(id, line.episodes))

    def note(self, run: Driven, length: float, ended: float) -> None:
        """Write down what happened in a round that is over."""
        episodes = [one for one in self._line.episodes if one is not self._faults]
        spans = [(one.striking, (one.healed or math.inf) + self._grace) for one in episodes]
        spans = [span for span in spans if span[1] >= run.began]
        new = [one for one in episodes if id(one) not in self._known and one.healed is not None]
        self._known.update(map(id, new))
        whole = run.samples

        def at_fault(sample: Sample) -> bool:
            return _within(spans, sample.due, sample.done)

        piece = max(1.0, length / PIECES)
        services, harness = (course.take() for course in self._courses)
        for course in self._courses:
            course.check()
        steady = (run.began + min(SETTLING, length / 4), ended)
        number = 1 if self._book.last is None else self._book.last.number + 1
        counts = self._faults.receipt.counts if self._faults is not None else {}
        self._book.add(
            Round(
                number=number,
                segment=self._book.segment,
                ahead=self._ahead,
                began=run.began,
                ended=ended,
                held=length,
                calm=freeze(filterfalse(at_fault, whole), piece=piece, strain=whole.strain, unsent=whole.unsent),
                struck=freeze(filter(at_fault, whole), strain=whole.strain),
                services=_kept(services, steady, spans),
                harness=_kept(harness, steady, ()),
                strikes=[(one.name, (one.healed or one.struck) - one.striking) for one in new],
                touched={name: float(count) for name, count in counts.items() if isinstance(count, int | float)},
                examples=dict(run.examples),
            )
        )


def _within(spans: Iterable[Span], start: float, end: float) -> bool:
    return any(first <= end and start <= last for first, last in spans)


def _kept(tracks: Tracks, steady: Span, spans: Iterable[Span]) -> Columns:
    """Return what was read while load was steady and no fault was in force."""
    spans = list(spans)
    told = columns(tracks)
    for name, (at, value, life) in told.items():
        keep = [steady[0] <= one <= steady[1] and not _within(spans, one, one) for one in at]
        cut = [[one for one, stays in zip(column, keep, strict=True) if stays] for column in (at, value, life)]
        told[name] = (cut[0], cut[1], [int(one) for one in cut[2]])
    return told


@contextmanager
def _bitten_before(faults: Fault, book: Logbook) -> Iterator[Episode]:
    """Enter `faults`; that they strike nothing in what is left of a soak that they have struck already is no error."""
    episode: Episode | None = None
    try:
        with faults as episode:
            yield episode
    except FaultDidNotBite:
        if episode is None or episode.receipt.bit or not any(any(one.touched.values()) for one in book.rounds()):
            raise
