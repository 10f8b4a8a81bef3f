"""Samples: what happened under load, as a whole or in a window of it.

Every sample is in exactly one of three windows of an episode: *before* holds those that finished
before the strike began, *after* those that began (were due) after the heal was complete, and
*during* the rest. So what was in flight at either moment counts as met by the fault. A window is
itself `Samples`.

A run's samples may be read while they come in; see `columns` for why that is safe. A window is a
copy, cut from those that had come by then, and does not change any more.

Of a long run, the older samples are folded by the second (see `store`). A folded second is before or after
an episode where all of it is; what the strike or the heal cuts through is during it. `between` takes
a folded second where its middle is.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from pytest_resilience.errors import NoSamples, UsageError
from pytest_resilience.measure.columns import Rows
from pytest_resilience.measure.export import save
from pytest_resilience.measure.line import line
from pytest_resilience.measure.reckoning import Reckoning
from pytest_resilience.measure.sample import IMPATIENT, Sample, Strain
from pytest_resilience.measure.sides import Side, Sides
from pytest_resilience.measure.store import Store
from pytest_resilience.measure.tape import Tape
from pytest_resilience.timeline import Episode

__all__ = ["Sample", "Samples", "Strain"]


class Samples(Reckoning):
    """What happened to the requests of a run or of a window of it.

    :param samples: what is known already.
    :param strain: how the driver was doing.
    :param unsent: when those arrivals were due that were never sent.
    :param store: where they are kept; one of its own by default.
    """

    __slots__ = ("_store",)

    def __init__(
        self,
        samples: Iterable[Sample] = (),
        *,
        strain: Sequence[Strain] = (),
        unsent: Sequence[float] = (),
        store: Store | None = None,
    ) -> None:
        self._store: Store | None = Store() if store is None else store
        self._tape = Tape.of(self._store)
        self.extend(samples, strain=strain, unsent=unsent)

    # Coming in

    def append(self, sample: Sample) -> None:
        """Add one sample; many at once are cheaper through `extend`."""
        self.extend((sample,))

    def extend(
        self, samples: Iterable[Sample] = (), *, strain: Iterable[Strain] = (), unsent: Iterable[float] = ()
    ) -> None:
        """Add samples, strain records and arrivals that were never sent, from one writing thread.

        :raises UsageError: it is a window, which does not change.
        """
        self._growing.extend(samples)
        self._tape.note(strain, unsent)

    def extend_columns(
        self,
        *,
        due: array[float],
        sent: array[float],
        done: array[float],
        status: Sequence[int],
        error: Sequence[int],
        name: Sequence[int],
        texts: Sequence[str],
        size: Sequence[int] | None = None,
        returned: Mapping[int, object] | None = None,
        strain: Iterable[Strain] = (),
    ) -> None:
        """Add samples by field, at a tenth of what tuples cost; as `extend` in all else.

        :param status: 0 for none.
        :param error: places in `texts`, -1 for a success; likewise `name`.
        :param size: bytes transferred.
        :param returned: what was returned, by row.
        :raises UsageError: the columns differ in length.
        """
        self._growing.extend_rows(Rows(due, sent, done, status, error, name, texts, size, returned))
        self._tape.note(strain, ())

    def keep_near(self, episodes: Callable[[], Iterable[Episode]]) -> None:
        """Keep samples near these episodes raw, however many there come to be; asked whenever some are folded."""
        self._growing.episodes = episodes

    @property
    def _growing(self) -> Store:
        if self._store is None:
            raise UsageError(f"{self!r} is a window, and does not grow: add to the samples that it was cut from")
        return self._store

    # Windows

    def before(self, episode: Episode) -> Samples:
        """Return the window of what finished before the fault was being struck."""
        sides = Sides(episode)
        return self._cut(sides.before, f"before {episode.name}", -math.inf, sides.striking)

    def during(self, episode: Episode) -> Samples:
        """Return the window of what was in flight or began while the fault was struck, in force or healed."""
        sides = Sides(episode)
        return self._cut(sides.during, f"during {episode.name}", sides.striking, sides.healed)

    def after(self, episode: Episode) -> Samples:
        """Return the window of what began after the fault was healed; empty while it is in force."""
        sides = Sides(episode)
        return self._cut(sides.after, f"after {episode.name}", sides.healed, math.inf)

    def under(self, episode: Episode) -> Samples:
        """Return the part of `during` that knew nothing else: it began once struck and finished before the heal began.

        What was still in flight at the heal is not in it, so the slowest are missing: it is for
        what was answered (`statuses`, `errors`) and not for how long that took.
        """
        sides = Sides(episode)
        return self._cut(sides.under, f"under {episode.name}", sides.struck, sides.healing)

    def between(self, start: float, end: float) -> Samples:
        """Return the window of what began from `start` (inclusive) to `end` (exclusive), in monotonic seconds."""
        if not start < end:
            raise UsageError(f"between({start}, {end}): the end has to be after the start")
        start, end, origin = float(start), float(end), self._tape.origin
        side = Side(due_from=start, due_before=end, takes="middle")
        return self._cut(side, f"from {start - origin:.2f} s to {end - origin:.2f} s", start, end)

    def lately(self, seconds: float) -> Samples:
        """Return the window of what finished in the last `seconds` before the newest of them."""
        start, end = self.span
        side = Side(done_from=end - seconds, takes="middle")
        return self._cut(side, f"the last {seconds:g} s", max(start, end - seconds), math.inf)

    def sliding(self, window: float, *, step: float | None = None) -> Iterator[Samples]:
        """Yield the windows of `window` seconds, one every `step` (a quarter of it), the last at the end of the load.

        :raises NoSamples: load did not go on for as long as a window.
        """
        step = window / 4 if step is None else step
        if step <= 0 or window <= 0:
            raise UsageError(f"window={window} and step={step} have to be positive seconds")
        view, origin = self._tape.view.by_due(), self._tape.origin
        first, last = view.due_span or (0.0, 0.0)
        if last - first < window * 0.999:
            raise NoSamples(
                f"{self.where}: load went on for {last - first:.2f} s, which is less than a window of {window:g} s: "
                "hold the load for longer, or ask for a shorter window"
            )
        places = max(0, math.ceil((last - first - window) / step - 1e-9))
        for start in [*(first + place * step for place in range(places)), max(first, last - window)]:
            # The last one has to hold what was due at the very end.
            end = math.nextafter(last, math.inf) if start + window >= last else start + window
            label = f"from {start - origin:.2f} s to {end - origin:.2f} s"
            yield self._window(self._tape.part(view.due_within(start, end), label, start, start + window))

    def named(self, name: str) -> Samples:
        """Return the window of what was done under one name, such as "GET /slots"."""
        names = self._tape.view.names
        number = names.find(name)
        if number is None:
            known = ", ".join(map(repr, names.texts)) or "none yet"
            raise NoSamples(f"{self.where}: nothing is named {name!r}; the names are: {known}")
        return self._window(self._tape.named(number, f"of {name}"))

    def _cut(self, side: Side, label: str, lower: float, upper: float) -> Samples:
        return self._window(self._tape.cut(side, label, lower, upper))

    @staticmethod
    def _window(tape: Tape) -> Samples:
        window = Samples()
        window._store, window._tape = None, tape
        return window

    # What happened

    def __iter__(self) -> Iterator[Sample]:
        """Yield every sample; folded ones are spread evenly over the second in which they were due."""
        return iter(self._tape.view)

    @property
    def statuses(self) -> set[int]:
        """The statuses that were seen; what got none, such as a refused connection, is in `errors` alone.

        :raises NoSamples: the window is empty, as for all that follows.
        """
        self._require_samples()
        return self._tape.view.statuses()

    @property
    def errors(self) -> dict[str, int]:
        """How often each category of failure came, the most frequent first; empty if there was none."""
        self._require_samples()
        return {category: count for category, count in self._tape.view.tally().items() if category != IMPATIENT}

    @property
    def returned(self) -> list[object]:
        """What the actions returned, without the Nones, in the order in which they finished."""
        self._require_samples()
        return self._tape.view.answers()

    @property
    def names(self) -> list[str]:
        """The names under which anything was done in the whole run."""
        return list(self._tape.view.names.texts)

    def save(self, path: str | Path) -> Path:
        """Write them to a file, in the format that its suffix names, and return its path.

        `.json`: figures and one record a second; `.csv`: one row a sample, or a bucket where they were folded;
        `.hlog`: the log of HdrHistogram, one histogram a second and name, which its own tools read.

        :raises UsageError: another suffix.
        :raises NoSamples: there is nothing to write.
        """
        self._require_samples()
        return save(self, Path(path))

    def __repr__(self) -> str:
        return f"<Samples{self.label and ' '}{self.label}: {line(self)}>"
