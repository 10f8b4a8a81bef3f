"""A watch: looks at the loads of one test while they go on, and has a display show how they are doing.

It looks from a thread of its own, and what goes wrong there is noted and ends the watch: the test, which has
nothing to do with it, goes on.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

from pytest_resilience.measure.pulse import Pulse
from pytest_resilience.measure.samples import Samples
from pytest_resilience.report.display import Display
from pytest_resilience.report.progress import Standing, told
from pytest_resilience.report.text import outermost
from pytest_resilience.timeline import Timeline

PATIENCE = 1.0  # seconds that a terminal, which may be stopped, has to take the last of it


class Load(Protocol):
    """What a watch asks of a run."""

    @property
    def label(self) -> str:
        """What it does."""

    @property
    def began(self) -> float:
        """When it began, in monotonic seconds."""

    @property
    def left(self) -> float | None:
        """The seconds to go; None where nobody has said."""

    @property
    def users(self) -> float | None:
        """How many users there are to be now; None for a rate."""

    @property
    def in_flight(self) -> int:
        """How many calls have begun and not finished."""

    @property
    def samples(self) -> Samples:
        """What has been answered so far."""


class _Watched:
    """A load that goes on."""

    def __init__(self, load: Load) -> None:
        self.load, self.lines = load, 0
        self._pulse = Pulse(load.samples)

    def standing(self, now: float, line: Timeline) -> Standing:
        load, in_flight = self.load, self.load.in_flight
        return Standing(
            label=load.label,
            elapsed=max(0.0, now - load.began),
            left=load.left,
            faults=[episode.name for episode in outermost(line.in_force)],
            beat=self._pulse.look(now, in_flight=in_flight),
            users=load.users,
            in_flight=in_flight,
        )


class Watch:
    """Shows the loads of one test from when they begin until they end.

    :param note: is told why nothing was shown any more.
    """

    def __init__(
        self,
        display: Display,
        line: Timeline,
        *,
        note: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._display, self._line, self._note, self._clock = display, line, note, clock
        self._going: tuple[_Watched, ...] = ()
        self._lock = threading.Lock()
        self._broken = False
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def began(self, load: Load) -> None:
        """Show this one, too."""
        with self._lock:
            self._going = (*self._going, _Watched(load))
            if self._thread is None and not self._broken:
                self._start()

    def ended(self, load: Load) -> None:
        """Show it no more; when this returns after the last one, nothing of it is to be seen."""
        with self._lock:
            self._going = tuple(watched for watched in self._going if watched.load is not load)
            thread = self._thread
            if self._going or thread is None:
                return
            self._thread = None
            self._over.set()
        thread.join(PATIENCE)
        if thread.is_alive():
            self._give_up("the terminal takes nothing")

    def _start(self) -> None:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, args=(self._over,), name="progress of load", daemon=True)
        try:
            self._thread.start()
        except RuntimeError as error:  # a test may have used up the threads that there are
            self._thread = None
            self._give_up(str(error))

    def _work(self, over: threading.Event) -> None:
        try:
            while not over.wait(self._display.every):
                self.look()
            self._display.clear()
        except Exception as error:  # noqa: BLE001  (told at the end; it is no part of the test)
            self._give_up(repr(error))

    def look(self) -> None:
        """Look at each of the loads, and show those of which a line is due."""
        now, apart, lines = self._clock(), self._display.apart, []
        for watched in self._going:
            standing = watched.standing(now, self._line)
            due = int(standing.elapsed / apart) if apart else watched.lines + 1
            if due > watched.lines:
                watched.lines = due
                lines.append(told(standing))
        self._display.show(lines)

    def _give_up(self, reason: str) -> None:
        if not self._broken:
            self._broken = True
            self._note(f"the progress of load was not shown any more: {reason}")
