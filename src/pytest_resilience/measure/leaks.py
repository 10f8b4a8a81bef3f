"""Leaks: what a service holds is to return to what it held while all was calm.

::

    calm = observe(app, postgres_server, queue=lambda: redis_server.command("LLEN", "jobs"))
    ...                                  # load, a fault, its heal
    assert calm.settled(within=5)

A baseline has to be warm: a service whose pool was never full holds fewer connections than it is meant to, and would be
blamed for opening the rest.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pytest_resilience.errors import UsageError, WaitTimeout
from pytest_resilience.measure import words
from pytest_resilience.measure.gauges import AWAY, Figures, NumberGauge, Serving, Using, gauge
from pytest_resilience.waiting import wait_until

# How much more than in the baseline is still calm. Of anything else: nothing.
CORES = 0.1
MEMORY = 0.25  # of the baseline, for allocators keep what they once had,
LEAST_MEMORY = 16_000_000  # or so many bytes
PATIENCE = 10.0


@dataclass(frozen=True)
class Held:
    """One figure: what it was while all was calm, what it is now, and how much is still calm.

    :ivar now: nan where it could not be read; `why` says why.
    """

    name: str
    baseline: float
    now: float
    bound: float
    why: str = ""

    @property
    def settled(self) -> bool:
        """Whether it has returned."""
        return self.now <= self.bound

    def __str__(self) -> str:
        was, most = written(self.name, self.baseline), written(self.name, self.bound)
        if math.isnan(self.now):
            return f"{self.name} cannot be read ({self.why}), was {was}"
        return f"{self.name} {written(self.name, self.now)}, was {was}, expected at most {most}"


@dataclass(frozen=True)
class Settling:
    """Whether all has returned to its baseline: true only when it has. Its repr names what has not, the worst first.

    :ivar took: seconds until it had, or for which it was waited.
    """

    figures: tuple[Held, ...]
    took: float

    @property
    def leaks(self) -> tuple[Held, ...]:
        """What has not returned: what cannot be read, then what is the most times its bound."""
        return tuple(sorted((one for one in self.figures if not one.settled), key=_excess, reverse=True))

    def __bool__(self) -> bool:
        return not self.leaks

    def __repr__(self) -> str:
        if not self.leaks:
            return f"<Settled in {words.seconds(self.took)}: {', '.join(one.name for one in self.figures)}>"
        others = len(self.figures) - len(self.leaks)
        rest = f"; {others} more returned" if others else ""
        return f"<NOT SETTLED after {words.seconds(self.took)}: {'; '.join(map(str, self.leaks))}{rest}>"


class Baseline:
    """What was held while all was calm; made by `observe()`.

    :ivar figures: by name: `clinic memory` in bytes, `clinic cpu` in cores, `postgres connections`.
    """

    def __init__(
        self,
        gauges: Sequence[Callable[[], Figures]],
        *,
        allow: Figures,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._gauges = [(read, _known(read)) for read in gauges]
        self.figures: dict[str, float] = {}
        for _, found in self._gauges:
            if twice := sorted(self.figures.keys() & found.keys()):
                raise UsageError(f"observe(): {', '.join(twice)}: is observed twice; give each a name of its own")
            self.figures.update(found)
        for name, more in allow.items():
            if not any(_means(name, one) for one in self.figures):
                raise UsageError(f"observe(allow={dict(allow)}): {name!r} is none of {', '.join(self.figures)}")
            if not more >= 0:
                raise UsageError(f"observe(allow={dict(allow)}): expected how much more is still calm, 0 or more")
        self._bounds = {name: value + _slack(name, value, allow) for name, value in self.figures.items()}

    def settled(self, *, within: float) -> Settling:
        """Wait until everything has returned to its baseline at one moment, and tell what has not.

        Where a service is observed it takes half a second at least: only then its processor time can be told.

        :param within: seconds to wait at most.
        """
        if not 0 <= within < math.inf:
            raise UsageError(f"settled(within={within}): expected seconds, such as 5")
        began = self._clock()
        seen: list[Settling] = []

        def calm() -> bool:
            seen.append(Settling(tuple(self._now()), self._clock() - began))
            return bool(seen[-1])

        try:
            wait_until(calm, within=within, every=0.05)
        except WaitTimeout:  # which is the verdict, and is told by what was seen last
            return seen[-1]
        return seen[-1]

    def _now(self) -> list[Held]:
        held: list[Held] = []
        for read, known in self._gauges:
            now: Figures = {}
            why = "takes half a second to tell"
            try:
                now = read()
            except UsageError:
                raise
            except AWAY as error:
                why = f"{type(error).__name__}: {error}"
            held += (Held(name, was, now.get(name, math.nan), self._bounds[name], why) for name, was in known.items())
        return held

    def __repr__(self) -> str:
        return f"<Baseline: {', '.join(f'{name} {written(name, value)}' for name, value in self.figures.items())}>"


def observe(
    *things: Using | Serving, allow: Mapping[str, float] | None = None, **numbers: Callable[[], object]
) -> Baseline:
    """Read what services hold now that all is calm, to ask later whether they have returned to it.

    Of a service: memory, descriptors, threads, processes and processor time, which takes half a second. Of Postgres and
    Redis: connections. Warm them up before: what a pool opens later is no leak.

    :param allow: how much more is still calm, by figure (`{"descriptors": 4, "clinic memory": 50e6}`), in place of
        nothing at all; 0.1 cores; a quarter of the memory, or 16 MB where that is more.
    :param numbers: other things to be read, by name: `queue=lambda: redis_server.command("LLEN", "jobs")`.
    :raises UsageError: there is nothing to observe, or no such figure.
    """
    gauges: list[Callable[[], Figures]] = [gauge(thing) for thing in things]
    gauges += [NumberGauge(name, read) for name, read in numbers.items()]
    if not gauges:
        raise UsageError("observe(): give what is to be observed: observe(app, postgres_server)")
    return Baseline(gauges, allow=allow or {})


def written(name: str, value: float) -> str:
    """Write a figure in its unit.

    >>> written("clinic memory", 51e6), written("clinic cpu", 0.034), written("queue", 3.0)
    ('51 MB', '0.034 cores', '3')
    """
    if _means("memory", name):
        return words.size(value)
    return words.cores(value) if _means("cpu", name) else f"{value:g}"


def _known(read: Callable[[], Figures]) -> Figures:
    """Return the first reading that is whole."""
    found: list[Figures] = []

    def whole() -> bool:
        found.append(read())
        return not any(map(math.isnan, found[-1].values()))

    wait_until(whole, within=PATIENCE, what="observe(): a whole reading")
    return found[-1]


def _means(word: str, name: str) -> bool:
    return word in (name, name.rpartition(" ")[2])


def _slack(name: str, value: float, allow: Figures) -> float:
    for word in (name, name.rpartition(" ")[2]):
        if word in allow:
            return allow[word]
    if _means("memory", name):
        return max(MEMORY * value, LEAST_MEMORY)
    return CORES if _means("cpu", name) else 0.0


def _excess(held: Held) -> float:
    if math.isnan(held.now):
        return math.inf
    return held.now / held.bound if held.bound > 0 else held.now
