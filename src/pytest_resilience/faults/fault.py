"""A fault: break, `yield`, heal, as one generator.

::

    @fault
    def evicted(cache: Cache, keys: int = 100) -> Breakage:
        gone = cache.evict(keys)               # break
        yield Receipt(keys_evicted=gone)       # in force
        cache.warm()                           # heal

Calling `evicted(cache)` does nothing yet: it returns a `Fault`, which breaks when it is entered and
heals when it is left. The rules:

1. What stands after the `yield` always runs, also when the body of the `with` raised. The body's
   exception is not thrown into the generator, so no `try`/`finally` is needed around the `yield`.
2. The receipt that was yielded may be filled in further, also in the healing half. If it shows
   that nothing was touched when the fault is healed, `FaultDidNotBite` is raised, unless the
   receipt is `optional` or the body failed by itself, whose exception is the better news.
3. A fault that fails while it breaks is not in force; it has to leave nothing behind itself.
4. The same fault on the same target cannot be in force twice.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack
from types import TracebackType
from typing import ParamSpec

from pytest_resilience import timeline
from pytest_resilience.errors import FaultDidNotBite, FaultInForce, HostInDanger, UsageError
from pytest_resilience.faults.offload import offload
from pytest_resilience.timeline import Episode, Receipt

P = ParamSpec("P")
Breakage = Generator[Receipt, None, None]
_END = object()


class Fault:
    """Something to break: inert until entered, healed when left, usable again after that.

    Works under `with` and under `async with`, where the blocking halves run in a thread.

    :param verdict: is called once it is healed, with what its body raised, and may raise what is to be said of it.
    """

    def __init__(
        self,
        name: str,
        breakage: Callable[[], Breakage],
        *,
        verdict: Callable[[BaseException | None], None] | None = None,
    ) -> None:
        self.name = name
        self._breakage = breakage
        self._verdict = verdict
        self._halves: Breakage | None = None
        self._episode: Episode | None = None

    def __enter__(self) -> Episode:
        line = timeline.current()
        if self._halves is not None:
            raise FaultInForce(f"{self.name} is already in force; a fault cannot be nested in itself")
        line.refuse_nesting(self.name)
        halves = self._breakage()
        line.edge()
        striking = time.monotonic()
        try:
            receipt = next(halves)
        except StopIteration:
            raise UsageError(f"{self.name}: a @fault has to yield its receipt once, and it yielded nothing") from None
        if not isinstance(receipt, Receipt):
            halves.close()
            raise UsageError(f"{self.name}: a @fault yields a Receipt, not {receipt!r}")
        self._halves = halves
        self._episode = Episode(self.name, time.monotonic(), receipt, striking=striking, heal=self._heal)
        line.strike(self._episode)
        return self._episode

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        episode = self._episode
        if episode is None:
            raise UsageError(f"{self.name} was left without having been entered")
        entered = episode.struck
        try:
            self._heal()
        except FaultDidNotBite:  # of a part of together()
            if error is None:
                raise
        finally:
            self._episode = None
        if self._verdict is not None:
            self._verdict(error)
        lasted = time.monotonic() - entered
        if error is None and not episode.receipt.bit and not episode.receipt.optional:
            did = episode.receipt.unreached or "touched nothing"
            missed = episode.receipt.missed or "drive traffic through its target while it is in force"
            raise FaultDidNotBite(
                f"{self.name} {did} in {lasted:.2f} s ({episode.receipt}), so what was tested is not what "
                f"happens under it; {missed}, or pass optional=True if this is expected"
            )

    def _heal(self) -> None:
        # Cleared at once: a heal that fails leaves the episode in force on the timeline, where the
        # end of the test finds and names it, and does not lock the fault for ever.
        halves, self._halves = self._halves, None
        episode = self._episode
        if halves is None or episode is None:  # healed ahead of time
            return
        episode.healing = time.monotonic()
        try:
            self._finish(halves, episode)
        finally:
            timeline.current().edge()

    def _finish(self, halves: Breakage, episode: Episode) -> None:
        healing = time.monotonic() if episode.healing is None else episode.healing
        try:
            over = next(halves, _END) is _END
        except (FaultDidNotBite, HostInDanger):  # all of it is healed, and that is to be said
            episode.healed = time.monotonic()
            raise
        if not over:
            halves.close()
            raise UsageError(f"{self.name}: a @fault yields once, and it yielded again instead of healing")
        if episode.receipt.struck is not None:
            # At the latest, the heal itself waited for its end.
            episode.striking, episode.struck = (min(at, healing) for at in episode.receipt.struck)
        episode.healed = time.monotonic()

    async def __aenter__(self) -> Episode:
        try:
            episode = await offload(self.__enter__)
        except asyncio.CancelledError as cancelled:
            error = cancelled
        else:
            episode.awaited = True
            return episode
        # A cancelled test heals what it broke before the cancellation goes on.
        if self._halves is not None:
            await offload(lambda: self.__exit__(type(error), error, None))
        raise error

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await offload(lambda: self.__exit__(kind, error, trace))

    def __repr__(self) -> str:
        return f"<Fault {self.name}: {'in force' if self._halves else 'inert'}>"


def fault(breakage: Callable[P, Breakage]) -> Callable[P, Fault]:
    """Make a function that returns a `Fault` of a generator that breaks, yields a receipt, and heals.

    The fault is named after the function, and after the `name` of its first argument where that
    has one: `redis.killed`.
    """
    signature = inspect.signature(breakage)

    @functools.wraps(breakage)
    def build(*args: P.args, **kwargs: P.kwargs) -> Fault:
        signature.bind(*args, **kwargs)  # a generator would say what it misses only when it is entered
        target = getattr(args[0], "name", None) if args else None
        name = getattr(breakage, "__name__", "fault")
        return Fault(f"{target}.{name}" if isinstance(target, str) else name, lambda: breakage(*args, **kwargs))

    return build


def together(*faults: Fault) -> Fault:
    """Return one fault that breaks all of `faults` in order and heals them in reverse.

    Its episode begins when the last one is in force and ends when the last one is healed; its
    receipt holds the counts of each, named `target.fault.count`. If one fails to break, those before it are healed.
    A part that touches nothing raises `FaultDidNotBite` as it would alone.
    """
    if not faults:
        raise UsageError("together() needs at least one fault")

    def breakage() -> Breakage:
        with ExitStack() as stack:
            episodes = [stack.enter_context(one) for one in faults]
            receipt = Receipt(faults=len(episodes))
            yield receipt
        for episode in episodes:
            receipt.note(**{f"{episode.name}.{count}": value for count, value in episode.receipt.counts.items()})

    return Fault(f"together({', '.join(one.name for one in faults)})", breakage)
