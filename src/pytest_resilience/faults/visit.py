"""A visit of the monkey to a test that knows nothing of it: what `--resilience-monkey` does to one test.

Each target that the test uses is struck at most once, by a fault that a service built for it gets over and that loses
nothing that was acknowledged. Whether, when, by what and for how long is drawn from the session's seed, the test and
the name of the target, and from nothing else: the same option and seed do the same again, to one test alone too.
"""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pytest_resilience.errors import Unsupported
from pytest_resilience.faults.appetite import Appetite
from pytest_resilience.faults.background import Background
from pytest_resilience.faults.fault import Fault
from pytest_resilience.timeline import Episode

# The methods of a target that make its faults, with their arguments. A target has some of them.
MENU: Mapping[str, tuple[float, ...]] = {
    "killed": (),
    "restarted": (),
    "paused": (),
    "connections_terminated": (),
    "severed": (),
    "reset": (),
    "frozen": (),
    "slowed": (0.2,),
}
# Seconds into the call, drawn evenly on a logarithmic scale: tests last from milliseconds to seconds.
_MOMENT = (0.001, 1.0)
_LASTING = (0.05, 0.5)
_LOOK = 0.001


@dataclass(frozen=True)
class Plan:
    """What is drawn for one target.

    :ivar at: seconds into the test's call.
    :ivar lasting: seconds until it is healed.
    :ivar pick: from 0 to 1: which of the faults that it has.
    """

    at: float
    lasting: float
    pick: float

    def of(self, target: object) -> Fault:
        """Return the fault that strikes the target.

        :raises Unsupported: it has none that comes into question.
        """
        names = [name for name in MENU if hasattr(target, name)]
        if not names:
            raise Unsupported(f"{target!r} has none of the faults {', '.join(MENU)}")
        name = names[int(self.pick * len(names))]
        make: Callable[..., Fault] = getattr(target, name)
        return make(*MENU[name], optional=True)


def plan(seed: int, name: str, share: float) -> Plan | None:
    """Return what is drawn for the target called `name`, or None if it is spared."""
    draw = random.Random(f"{seed}:monkey:{name}")
    if draw.random() >= share:
        return None
    low, high = (math.log(end) for end in _MOMENT)
    return Plan(math.exp(draw.uniform(low, high)), draw.uniform(*_LASTING), draw.random())


class Strike:
    """The strike at one target of one test, which waits for its moment in the background.

    :ivar said: what came of it, in words; empty while the test does not use the target.
    :ivar told: `struck`, `touched nothing`, `too late`, `could not`, or `spared`.
    """

    def __init__(self, name: str, drawn: Plan | None, targets: Mapping[str, object]) -> None:
        self.name = name
        self._plan = drawn
        self._targets = targets
        self._episode: Episode | None = None
        self._trouble = ""
        self._began = time.monotonic()
        self._work = None if drawn is None else Background(lambda over: self._do(drawn, over), name=f"monkey {name}")

    def stop(self) -> None:
        """Let it begin no more, and heal at once."""
        if self._work is not None:
            self._work.stop()

    def end(self) -> BaseException | None:
        """Stop it, wait until it is healed, and return what went wrong with that."""
        return self._work.end() if self._work is not None else None

    @property
    def told(self) -> str:
        """What came of it, as a word to count."""
        if self.name not in self._targets:
            return ""
        if self._plan is None:
            return "spared"
        if self._trouble:
            return "could not"
        if self._episode is None:
            return "too late"
        return "struck" if self._episode.receipt.bit else "touched nothing"

    @property
    def struck(self) -> bool:
        """Whether it came to its strike."""
        return self._episode is not None

    @property
    def said(self) -> str:
        """What came of it, in words; empty where the target was spared or the test does not use it."""
        if self._plan is None or self.name not in self._targets:
            return ""
        if self._trouble:
            return f"{self.name} could not be struck: {self._trouble}"
        if self._episode is None:
            return f"{self.name} not struck: the test ended before {self._plan.at:.3f} s, which was drawn"
        struck, healed = (
            f"{at - self._began:.3f} s" for at in (self._episode.striking, self._episode.healed or time.monotonic())
        )
        until = f"until {healed}" if self._episode.healed else "and NEVER HEALED"
        return f"{self._episode.name} from {struck} of the test {until} ({self._episode.receipt})"

    def _do(self, drawn: Plan, over: threading.Event) -> None:
        if over.wait(drawn.at):
            return
        while self.name not in self._targets:  # a test may start it, or lay it, in its body
            if over.wait(_LOOK):
                return
        try:
            fault = drawn.of(self._targets[self.name])
            self._episode = fault.__enter__()
        except Exception as error:  # noqa: BLE001  (the test cannot help it, and nothing is left of it; it is told)
            self._trouble = f"{type(error).__name__}: {error}"
            return
        over.wait(drawn.lasting)
        fault.__exit__(None, None, None)


class Visit:
    """The strikes at all targets of one test: begun with its call, over when it ends.

    :param targets: what the test uses, by name; may grow while it runs.
    :param seed: the test's own.
    """

    def __init__(self, appetite: Appetite, targets: Mapping[str, object], *, seed: int) -> None:
        self.strikes = [Strike(name, plan(seed, name, share), targets) for name, share in appetite.shares]

    def end(self) -> None:
        """Heal everything, and raise what went wrong with a strike or its heal."""
        for strike in self.strikes:
            strike.stop()
        for error in [strike.end() for strike in self.strikes]:
            if error is not None:
                raise error

    @property
    def told(self) -> str:
        """What came of each strike, to be counted at the end of the session: `redis=struck;app=spared`."""
        return ";".join(f"{strike.name}={strike.told}" for strike in self.strikes if strike.told)

    @property
    def said(self) -> list[str]:
        """What came of each strike, in words."""
        return [strike.said for strike in self.strikes if strike.said]

    @property
    def missed(self) -> list[str]:
        """Of these, the ones that did not come to their strike."""
        return [strike.said for strike in self.strikes if strike.said and not strike.struck]
