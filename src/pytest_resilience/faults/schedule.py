"""A schedule: which faults are struck when, and for how long. A value, whose repr can be pasted into a test."""

from __future__ import annotations

import functools
import math
import threading
from collections import Counter
from dataclasses import dataclass

from pytest_resilience.errors import FaultDidNotBite, UsageError
from pytest_resilience.faults.background import Background
from pytest_resilience.faults.fault import Breakage, Fault
from pytest_resilience.faults.menu import Dish, make
from pytest_resilience.timeline import Receipt


@dataclass(frozen=True, repr=False)
class Strike:
    """One fault of a schedule.

    :param fault: the target's name and its method: `redis.killed`.
    :param at: seconds from the start of the schedule until it is struck.
    :param lasting: seconds until it is healed.
    :param magnitude: what the method is called with, where it takes something: seconds of `slowed`, and so on.
    :raises UsageError: an argument cannot be meant.
    """

    fault: str
    at: float
    lasting: float
    magnitude: float | None = None

    def __post_init__(self) -> None:
        target, dot, method = self.fault.rpartition(".")
        if not dot or not target or not method.isidentifier():
            raise UsageError(f"Strike({self.fault!r}): expected the name of a target and its fault, as in redis.killed")
        if not 0 <= self.at < math.inf or not 0 < self.lasting < math.inf:
            raise UsageError(f"{self!r}: at= and lasting= must be seconds, lasting= above 0")

    @property
    def dish(self) -> Dish:
        """The fault, without its times."""
        target, _, fault = self.fault.rpartition(".")
        return Dish(target, fault, self.magnitude)

    @property
    def until(self) -> float:
        """Seconds from the start of the schedule until it is healed."""
        return round(self.at + self.lasting, 9)  # 0.6, not 0.6000000000000001

    def __repr__(self) -> str:
        magnitude = "" if self.magnitude is None else f", magnitude={self.magnitude!r}"
        return f"Strike({self.fault!r}, at={self.at!r}, lasting={self.lasting!r}{magnitude})"


@dataclass(frozen=True, init=False, repr=False)
class Schedule:
    """Strikes in the order in which they come; they may overlap, but a fault not with itself.

    ::

        schedule = Schedule(
            Strike("redis.killed", at=0.2, lasting=0.4), Strike("database.slowed", at=0.3, lasting=0.5, magnitude=0.2)
        )
        with schedule.on(redis_server, database_link) as storm:
            run.hold(schedule.length + 1)

    :raises UsageError: a fault would be in force twice at the same time.
    """

    strikes: tuple[Strike, ...]

    def __init__(self, *strikes: Strike) -> None:
        ordered = sorted(strikes, key=lambda strike: (strike.at, strike.fault, strike.lasting))
        object.__setattr__(self, "strikes", tuple(ordered))
        clash = clashing(self.strikes)
        if clash is not None:
            raise UsageError(f"Schedule: {clash!r} begins while {clash.fault} is in force already; heal it before that")

    @property
    def length(self) -> float:
        """Seconds until the last strike is healed; 0 for a schedule without strikes."""
        return max((strike.until for strike in self.strikes), default=0.0)

    def in_force(self, at: float) -> tuple[Strike, ...]:
        """Return what is in force so many seconds after the start: for a system that is simulated."""
        return tuple(strike for strike in self.strikes if strike.at <= at < strike.until)

    def on(self, *targets: object, optional: bool = False) -> Fault:
        """Return a fault that plays the schedule beside its body; what is in force when the body ends is healed then.

        Each strike is an episode on the timeline. Receipt: strikes that touched something, in all and by fault. A
        strike that cannot break because another one holds its target (what is killed cannot be paused) touches nothing.

        :param targets: services, links, and what else has a `name` and methods that make faults.
        :param optional: strikes may stay out, and touch nothing.
        :raises FaultDidNotBite: the body ended before a strike began; or no strike touched anything.
        :raises UsageError: a target or one of its faults is not there.
        """
        known = {str(getattr(target, "name", "")): target for target in targets}
        made: list[tuple[Strike, Fault]] = []
        for strike in self.strikes:
            dish = strike.dish
            if dish.target not in known:
                raise UsageError(
                    f"{strike!r}: there is nothing of that name among {', '.join(filter(None, known)) or 'no targets'};"
                    " pass what it strikes: schedule.on(redis_server)"
                )
            made.append((strike, make(known[dish.target], dish)))
        return _Playing(made, optional=optional).fault()

    def __len__(self) -> int:
        return len(self.strikes)

    def __repr__(self) -> str:
        return f"Schedule({', '.join(map(repr, self.strikes))})"


def clashing(strikes: tuple[Strike, ...]) -> Strike | None:
    """Return the first strike, in their order, that begins while the same fault is in force; None if there is none."""
    until: dict[str, float] = {}
    for strike in strikes:
        if strike.at <= until.get(strike.fault, -1.0):
            return strike
        until[strike.fault] = strike.until
    return None


class _Playing:
    """A schedule that is being played: a thread for each strike, none of which outlives it."""

    def __init__(self, made: list[tuple[Strike, Fault]], *, optional: bool) -> None:
        self._made = made
        self._optional = optional or not made
        self._forget()

    def fault(self) -> Fault:
        return Fault("schedule", self._breakage, verdict=self._verdict)

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._held: Counter[str] = Counter()  # by target: strikes in force
        self._bit: Counter[str] = Counter()
        self._missed: list[Strike] = []
        self._error: BaseException | None = None

    def _breakage(self) -> Breakage:
        self._forget()
        receipt = Receipt(optional=self._optional, strikes=0)
        works = [
            Background(functools.partial(self._play, strike, fault), name=f"schedule {strike.fault}")
            for strike, fault in self._made
        ]
        yield receipt
        for work in works:
            work.stop()
        errors = [error for error in (work.end() for work in works) if error is not None]
        self._error = errors[0] if errors else None
        receipt.note(strikes=sum(self._bit.values()), **self._bit)

    def _play(self, strike: Strike, fault: Fault, over: threading.Event) -> None:
        if over.wait(strike.at):
            self._missed.append(strike)
            return
        target = strike.dish.target
        with self._lock:
            shared = self._held[target] > 0
            self._held[target] += 1
        try:
            self._hold(strike, fault, over, shared=shared)
        finally:
            with self._lock:
                self._held[target] -= 1

    def _hold(self, strike: Strike, fault: Fault, over: threading.Event, *, shared: bool) -> None:
        try:
            episode = fault.__enter__()
        except Exception:
            if shared:  # what another strike has done to the target does not let this one be done; it left nothing
                return
            raise
        over.wait(strike.lasting)
        try:
            fault.__exit__(None, None, None)
        except FaultDidNotBite:
            return
        if episode.receipt.bit:
            with self._lock:
                self._bit[strike.fault] += 1

    def _verdict(self, failure: BaseException | None) -> None:
        if self._error is not None:
            raise self._error
        if failure is not None or self._optional:
            return
        if self._missed:
            raise FaultDidNotBite(
                f"schedule: the body ended before {', '.join(map(repr, self._missed))}; let it last for "
                "schedule.length seconds, as in run.hold(schedule.length), or pass optional=True if this is expected"
            )
        if not self._bit:
            raise FaultDidNotBite(
                f"schedule: {', '.join(strike.fault for strike, _ in self._made)} touched nothing; drive traffic "
                "through the targets while it is played, or pass optional=True if this is expected"
            )
