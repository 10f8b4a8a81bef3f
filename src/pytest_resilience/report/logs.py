"""The logs of a test's services, and how far each had come when a fault was about to strike or was just healed.

Lines of a log bear no time that all services agree on, so each log is measured at the edges of faults, in the thread of
whoever strikes: what is between two marks was written between them.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from pytest_resilience.report.findings import Group
from pytest_resilience.report.text import outermost
from pytest_resilience.report.troubles import common, troubles
from pytest_resilience.timeline import Episode

if TYPE_CHECKING:
    from pytest_resilience.report.story import Served

MARKS = 200  # at the most; after that all is of the last stretch
LONGEST = 4_000_000  # characters of a log that are read, the last ones
KINDS = 40  # of errors of a test
EXAMPLE = 300  # characters


class Mark(NamedTuple):
    """How many characters of each log there were at a moment, in monotonic seconds."""

    at: float
    lengths: Mapping[str, int]


class Logs:
    """The logs of services, which may become more.

    :param note: is told what could not be read.
    """

    def __init__(self, services: Mapping[str, Served], *, note: Callable[[str], None]) -> None:
        self._services, self._note = services, note
        self._marks: list[Mark] = []
        self._unread: set[str] = set()
        self._lock = threading.Lock()

    def mark(self) -> None:
        """Note how long they are now; never raises, since it is called where faults strike."""
        with self._lock:
            if len(self._marks) < MARKS:
                lengths = {name: len(text) for name, text in self._texts()}
                self._marks.append(Mark(time.monotonic(), lengths))

    def groups(self, episodes: Sequence[Episode]) -> list[Group]:
        """Return the errors that were written since the first mark, by what they have in common."""
        with self._lock:
            found = [group for name, text in self._texts() for group in self._of(name, text, outermost(episodes))]
        return bounded(found)

    def _texts(self) -> Iterator[tuple[str, str]]:
        for name, service in [*self._services.items()]:
            if name in self._unread:
                continue
            try:
                text = service.logs()
            except Exception as error:  # noqa: BLE001  (told at the end; it is no part of the test)
                self._unread.add(name)
                self._note(f"the log of {name} was not read any more: {error!r}")
                continue
            yield name, text

    def _of(self, name: str, text: str, episodes: Sequence[Episode]) -> list[Group]:
        ends = [min(mark.lengths.get(name, 0), len(text)) for mark in self._marks]
        start = max(ends[0] if ends else 0, len(text) - LONGEST)
        phases = [_phase(mark.at, after, episodes) for mark, after in zip(self._marks, self._ends(), strict=True)]
        found: dict[str, Group] = {}
        for place, line in troubles(_lines(text, start)):
            kind = common(line)
            phase = phases[bisect_right(ends, place) - 1] if phases else "before"
            known = found.get(kind)
            when = {} if known is None else dict(known.when)
            when[phase] = when.get(phase, 0) + 1
            example = line[:EXAMPLE] if known is None else known.example
            found[kind] = Group(
                source=name, kind="log", text=kind, count=sum(when.values()), example=example, when=when
            )
        return list(found.values())

    def _ends(self) -> list[float]:
        return [mark.at for mark in self._marks[1:]] + [time.monotonic()] * bool(self._marks)


def bounded(groups: Sequence[Group]) -> list[Group]:
    """Return the most frequent, and what is left of more than 40 as one."""
    ranked = sorted(groups, key=lambda group: (-group.count, group.key))
    rest = ranked[KINDS:]
    if rest:
        left = f"{len(rest)} more kinds"
        ranked[KINDS:] = [
            Group(source="", kind="rest", text=left, count=sum(one.count for one in rest), example="", when={})
        ]
    return ranked


def _lines(text: str, start: int) -> Iterator[tuple[int, str]]:
    for line in text[start:].splitlines(keepends=True):
        yield start, line
        start += len(line)


def _phase(start: float, end: float, episodes: Sequence[Episode]) -> str:
    """Name what was in force between two moments, or what was healed last before them."""
    there = [one.name for one in episodes if one.striking < end and (one.healed is None or one.healed > start)]
    if there:
        return f"during {', '.join(dict.fromkeys(there))}"
    over = [(one.healed, one.name) for one in episodes if one.healed is not None and one.healed <= start]
    return f"after {max(over)[1]}" if over else "before"
