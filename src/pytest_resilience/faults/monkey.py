"""The monkey: strikes faults drawn from a seed, at random moments, for as long as a body runs.

What it will do is drawn apart from doing it: the sequence of pauses, faults and durations depends on the seed alone,
not on how long anything takes.
"""

from __future__ import annotations

import math
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from pytest_resilience.errors import FaultDidNotBite, UsageError
from pytest_resilience.faults.background import Background
from pytest_resilience.faults.fault import Breakage, Fault
from pytest_resilience.timeline import Receipt

Span = float | tuple[float, float]


@dataclass(frozen=True)
class Prank:
    """One thing that the monkey will do: wait, strike, heal.

    :ivar gap: seconds from the last heal to the strike.
    :ivar lasting: seconds from the strike to the heal.
    :ivar which: the number of the fault among those it was given.
    """

    gap: float
    lasting: float
    which: int


def pranks(seed: int | str, faults: int, *, gap: tuple[float, float], lasting: tuple[float, float]) -> Iterator[Prank]:
    """Yield without end what a monkey with so many faults does.

    The faults are dealt as from a shuffled pack: each comes once before any comes again.
    """
    draw = random.Random(seed)
    pack = list(range(faults))
    while True:
        draw.shuffle(pack)
        for which in pack:
            yield Prank(draw.uniform(*gap), draw.uniform(*lasting), which)


class Monkey:
    """What the `monkey` fixture gives: makes faults that strike other faults at random.

    :param seed: this test's own; each monkey of the test has another one, derived from it.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._made = 0

    def __call__(
        self,
        *faults: Fault | Callable[[], Fault],
        gap: Span = (0.5, 2.0),
        lasting: Span = (0.2, 1.0),
        seed: int | None = None,
        optional: bool = False,
    ) -> Fault:
        """Return a fault that strikes `faults` at random while its body runs, one at a time, and heals them all.

        ::

            with monkey(redis_server.killed, database_link.severed, gap=(0.5, 2), lasting=(0.2, 1)) as mischief:
                run.hold(30)

        Each strike is an episode on the timeline. Receipt: strikes that touched something, in all and by fault. What
        a strike raises ends the monkey and is raised when the body ends.

        :param faults: faults, or what makes one when it is called without arguments. Each is struck once before any
            is struck again; one that is given twice is struck twice as often.
        :param gap: (low, high) seconds without a fault before each strike, or always the same.
        :param lasting: (low, high) seconds that each fault is in force, or always the same; the end of the body ends
            it earlier.
        :param seed: of the choices; by default this test's own.
        :param optional: it may strike nothing, and faults that touch nothing are expected.
        :raises FaultDidNotBite: nothing was struck before the body ended; or one of the faults was struck and never
            touched anything.
        :raises UsageError: an argument cannot be meant.
        """
        if not faults:
            raise UsageError("monkey() needs at least one fault: monkey(redis_server.killed, link.severed)")
        troop = [_inert(one) for one in faults]
        name = f"monkey({', '.join(dict.fromkeys(one.name for one in troop))})"
        gaps, lastings = _span(name, "gap", gap), _span(name, "lasting", lasting)
        self._made += 1
        drawn = f"{self._seed}:{self._made}" if seed is None else seed

        return _Loose(name, troop, pranks(drawn, len(troop), gap=gaps, lasting=lastings), optional=optional).fault()


class _Loose:
    """A monkey at work: what it does, what came of it, and what is to be said of that.

    `bit` are the strikes that touched something; `idle` those that lasted their time and touched nothing, `spared`
    those that touched nothing as they may; `cut` those that the end of the body left no time to touch anything, which
    show nothing, for or against.
    """

    def __init__(self, name: str, troop: Sequence[Fault], plan: Iterator[Prank], *, optional: bool) -> None:
        self._name = name
        self._troop = troop
        self._plan = plan
        self._optional = optional
        self._forget()

    def fault(self) -> Fault:
        return Fault(self._name, self._breakage, verdict=self._verdict)

    def _forget(self) -> None:
        self._bit, self._idle = Counter[str](), Counter[str]()
        self._spared = self._cut = 0
        self._error: BaseException | None = None

    def _breakage(self) -> Breakage:
        self._forget()
        receipt = Receipt(optional=self._optional, strikes=0, **{one.name: 0 for one in self._troop})
        work = Background(lambda over: self._play(receipt, over), name=self._name)
        yield receipt
        self._error = work.end()
        receipt.optional = self._optional or bool(self._spared)

    def _play(self, receipt: Receipt, over: threading.Event) -> None:
        for prank in self._plan:
            if over.wait(prank.gap):
                return
            one = self._troop[prank.which]
            self._strike(one, prank.lasting, over)
            receipt.note(strikes=sum(self._bit.values()), **{one.name: self._bit[one.name]})

    def _strike(self, one: Fault, lasting: float, over: threading.Event) -> None:
        episode = one.__enter__()  # what this raises, also that it did not bite, is an error of the strike
        cut_short = over.wait(lasting)
        try:
            one.__exit__(None, None, None)
        except FaultDidNotBite:
            if cut_short:
                self._cut += 1
            else:
                self._idle[one.name] += 1
            return
        if episode.receipt.bit:
            self._bit[one.name] += 1
        else:
            self._spared += 1

    def _verdict(self, failure: BaseException | None) -> None:
        if self._error is not None:
            raise self._error
        if failure is not None or self._optional:
            return
        idle = [name for name in self._idle if not self._bit[name]]
        if idle:
            times = sum(self._idle[name] for name in idle)
            raise FaultDidNotBite(
                f"{self._name}: {', '.join(idle)} touched nothing in {times} strike{'s' * (times > 1)}, so what was "
                "tested is not what happens under it; drive traffic through its target while the monkey is loose, let "
                "each strike last longer (lasting=), or pass optional=True if this is expected"
            )
        if not self._bit and not self._spared:
            cut = " but what the end of the body cut short" if self._cut else ""
            raise FaultDidNotBite(
                f"{self._name}: struck nothing{cut}: let the body last longer, or shorten gap= and lasting="
            )


def _inert(one: Fault | Callable[[], Fault]) -> Fault:
    if isinstance(one, Fault):
        return one
    name = getattr(one, "__qualname__", repr(one))
    try:
        made = one()
    except TypeError as error:
        raise UsageError(
            f"monkey: {name} cannot be called without arguments ({error}); pass the fault itself: link.slowed(0.2)"
        ) from error
    if not isinstance(made, Fault):
        raise UsageError(f"monkey: {name} gives {made!r}, not a fault; pass faults, as in monkey(redis_server.killed)")
    return made


def _span(who: str, name: str, given: Span) -> tuple[float, float]:
    """Return the two ends of a span of seconds, or raise UsageError."""
    low, high = given if isinstance(given, tuple) and len(given) == 2 else (given, given)
    numbers = all(isinstance(end, int | float) and not isinstance(end, bool) for end in (low, high))
    if not numbers or not 0 <= low <= high < math.inf or not high:
        raise UsageError(f"{who}: {name}={given!r} must be seconds above 0, or (low, high) of them")
    return float(low), float(high)
