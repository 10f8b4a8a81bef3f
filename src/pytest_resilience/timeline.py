"""What happened to whom and when: receipts, episodes, and the timeline of one test.

Every instant is `time.monotonic()` seconds, which all processes of one host share.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pytest_resilience.errors import FaultInForce

Count = int | float | str


class Counts(dict[str, Count]):
    """Counts by name. Which there are depends on how a fault is done here, so a name that is none is told them."""

    def __missing__(self, name: str) -> Count:
        raise KeyError(f"no {name!r} was counted here, but {', '.join(self) or 'nothing'}")


class Receipt:
    """The proof that a fault touched something: named counts, filled in while it is in force.

    >>> receipt = Receipt(connections_cut=3)
    >>> receipt.bit
    True
    >>> Receipt(connections_cut=0).bit
    False

    A receipt has *bitten* when at least one of its counts is not zero and not empty, unless `unreached` is set.
    `optional=True` says that a fault that touches nothing is expected.

    :ivar unreached: what the fault had to come to and did not, whatever it counted: "never reached fds=20".
    :ivar missed: why nothing was touched, where the fault can say it better than "drive traffic through its target".
    :ivar struck: for a fault that waits for its moment: from when to when it struck; its episode then says so too.
    """

    def __init__(self, *, optional: bool = False, **counts: Count) -> None:
        self.optional = optional
        self.unreached = ""
        self.missed = ""
        self.struck: tuple[float, float] | None = None
        self.counts: dict[str, Count] = Counts(counts)

    def note(self, **counts: Count) -> None:
        """Set counts, replacing those of the same name."""
        self.counts.update(counts)

    @property
    def bit(self) -> bool:
        """Whether anything was touched."""
        return any(self.counts.values()) and not self.unreached

    def __str__(self) -> str:
        shown = (f"{value:g}" if isinstance(value, float) else f"{value}" for value in self.counts.values())
        pairs = (f"{name.replace('_', ' ')} {value}" for name, value in zip(self.counts, shown, strict=True))
        return ", ".join(pairs) or "nothing touched"

    def __repr__(self) -> str:
        return f"<Receipt: {self}>"


@dataclass(eq=False)
class Episode:
    """One fault that was in force: what, when it was struck, when healed, and its receipt.

    Breaking and healing take time, so each has two ends, all in `time.monotonic()` seconds: the
    break went from `striking` to `struck`, the heal from `healing` to `healed`. What finished
    before `striking` has not met the fault, nor has what began after `healed`; what lies between
    `struck` and `healing` knew nothing else.

    :ivar healing: None until the heal begins.
    :ivar healed: None while the fault is in force.
    :ivar heal: undoes the fault ahead of time; the end of the test calls it for one left in force.
    :ivar awaited: entered with `async with`, which a test cannot leave when its event loop is stopped under it.
    """

    name: str
    struck: float
    receipt: Receipt
    healed: float | None = None
    striking: float = math.nan
    healing: float | None = None
    heal: Callable[[], None] | None = None
    awaited: bool = False

    def __post_init__(self) -> None:
        if math.isnan(self.striking):
            self.striking = self.struck
        if self.healing is None:
            self.healing = self.healed

    @property
    def in_force(self) -> bool:
        """Whether it has not been healed yet."""
        return self.healed is None

    def __repr__(self) -> str:
        lasted = "in force" if self.healed is None else f"{self.healed - self.struck:.2f} s"
        return f"<Episode {self.name}: {lasted}; {self.receipt}>"


@dataclass(frozen=True)
class Mark:
    """A remark on the timeline, such as the start of a run."""

    at: float
    text: str


@dataclass(frozen=True)
class Claim:
    """A promise that was held against what was measured: "met", "missed" or "inconclusive", and why.

    :ivar limits: what was promised, by name, where that is an objective in figures.
    """

    at: float
    promise: str
    outcome: str
    text: str
    limits: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Measured:
    """A figure that the test came to, for a baseline; figures of load are taken from its runs.

    :ivar kind: "recovery" in seconds, or "capacity" per second.
    :ivar value: nan where it could not be told.
    :ivar low: what the truth is not below; likewise `high`; None where it is not known.
    :ivar about: of what it is, such as an episode: said again of the same one, it replaces what was said.
    :ivar since: when the measuring began, if all load since then was only a part of it.
    """

    at: float
    name: str
    kind: str
    value: float
    low: float | None = None
    high: float | None = None
    about: object = None
    since: float | None = None


@dataclass(eq=False)
class Timeline:
    """The episodes, marks, claims and figures of one test, in the order in which they came; safe between threads.

    :ivar at_edge: is called when a fault is about to strike and when one was just healed, and raises nothing.
    :ivar broken_off: why the scenario has to end ahead of time, which load that is being held raises; None as a rule.
    """

    started: float = field(default_factory=time.monotonic)
    episodes: list[Episode] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    broken_off: Exception | None = None
    claims: list[Claim] = field(default_factory=list)
    at_edge: Callable[[], None] | None = field(default=None, repr=False)
    measured: list[Measured] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def strike(self, episode: Episode) -> None:
        """Add an episode that has just been struck."""
        with self._lock:
            self.episodes.append(episode)

    def refuse_nesting(self, name: str) -> None:
        """Raise `FaultInForce` when a fault of this name is in force."""
        with self._lock:
            if any(episode.name == name and episode.in_force for episode in self.episodes):
                raise FaultInForce(
                    f"{name} is already in force; a fault cannot be nested in itself: "
                    "heal the first one before you strike again"
                )

    def edge(self) -> None:
        """Tell whoever wants to know that a fault is about to strike, or was just healed."""
        if self.at_edge is not None:
            self.at_edge()

    def mark(self, text: str) -> None:
        """Add a remark at this moment."""
        with self._lock:
            self.marks.append(Mark(time.monotonic(), text))

    def break_off(self, reason: Exception) -> None:
        """Say that the scenario has to end here; may be said from any thread, and the first reason stays."""
        self.broken_off = self.broken_off or reason
        self.mark(f"broken off: {reason}")

    def claim(self, promise: str, outcome: str, text: str, limits: Mapping[str, float] | None = None) -> None:
        """Note what came of a promise."""
        with self._lock:
            self.claims.append(Claim(time.monotonic(), promise, outcome, text, limits or {}))

    def measure(
        self,
        name: str,
        kind: str,
        value: float,
        *,
        bounds: tuple[float | None, float | None] = (None, None),
        about: object = None,
        since: float | None = None,
    ) -> None:
        """Note a figure; see `Measured`."""
        low, high = bounds
        with self._lock:
            self.measured = [
                one for one in self.measured if about is None or (one.name, id(one.about)) != (name, id(about))
            ]
            self.measured.append(Measured(time.monotonic(), name, kind, value, low, high, about, since))

    @property
    def in_force(self) -> list[Episode]:
        """The episodes that have not been healed."""
        with self._lock:
            return [episode for episode in self.episodes if episode.in_force]


class _Stage:
    """Holds the timeline of the test that is running.

    Tests of one process run one after the other, and a fault may be entered from any thread or
    event loop of the test, so this is one per process and not a context variable.
    """

    timeline: Timeline = Timeline()


def current() -> Timeline:
    """Return the timeline of the test that is running (outside of pytest: one for the process)."""
    return _Stage.timeline


def set_current(timeline: Timeline) -> Timeline:
    """Make `timeline` the current one and return the one before."""
    before, _Stage.timeline = _Stage.timeline, timeline
    return before
