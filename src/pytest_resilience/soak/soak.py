"""A soak that is over: what came of it, told as one however often it was interrupted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import pairwise

from pytest_resilience.measure.course import steadiness
from pytest_resilience.measure.duration import spelled
from pytest_resilience.measure.frozen import thaw
from pytest_resilience.measure.line import line
from pytest_resilience.measure.samples import Samples
from pytest_resilience.measure.verdict import Verdict
from pytest_resilience.soak.round import Round, joined

HOUR = 3600.0
SETTLED = 16 * 2**20  # bytes that the allocators of pytest may come to hold, over a whole soak


class Soak:
    """What came of all rounds of a soak.

    :ivar duration: the seconds of load in all.
    :ivar rounds: how many there were.
    :ivar gaps: the seconds without load between one pytest that was interrupted and the next, for each time.
    :ivar strikes: how often each fault was struck.
    :ivar began: when its first round began, in monotonic seconds; `elapsed`, the seconds from then to the end of the
        last, gaps included.
    :ivar examples: the first message of each category of failure.
    """

    def __init__(self, rounds: Sequence[Round]) -> None:
        self._rounds = rounds
        self.duration = sum(one.held for one in rounds)
        self.rounds = len(rounds)
        self.gaps = tuple(
            max(0.0, later.began + later.ahead - one.ended - one.ahead)
            for one, later in pairwise(rounds)
            if later.segment != one.segment
        )
        self.strikes = Counter(name for one in rounds for name, _ in one.strikes)
        # Told on the clock of the machine that ended it, as are its services and its last faults.
        self.began = rounds[0].began + rounds[0].ahead - rounds[-1].ahead
        self.elapsed = rounds[-1].ended - self.began
        self.examples = {kind: text for one in reversed(rounds) for kind, text in one.examples.items()}

    @cached_property
    def calm(self) -> Samples:
        """What happened away from faults: finished before one was struck, or began `grace` seconds after its heal."""
        return thaw((one.calm, self._moved(one)) for one in self._rounds)

    @cached_property
    def struck(self) -> Samples:
        """What happened during faults, and until `grace` seconds after."""
        return thaw((one.struck, self._moved(one)) for one in self._rounds)

    @cached_property
    def samples(self) -> Samples:
        """All that happened, whether calm or not."""
        last = self._rounds[-1].ahead
        return thaw((part, one.ahead - last) for one in self._rounds for part in (one.calm, one.struck))

    @property
    def title(self) -> str:
        """What a report calls it."""
        return f"soak of {spelled(self.duration)}"

    @property
    def entered(self) -> bool:
        """Whether there was any load."""
        return self.elapsed > 0

    def steady(self, *, allow: Mapping[str, float] | None = None, warmup: float | None = None) -> Verdict:
        """Judge whether anything that services hold grows on and on, as `Course.steady` does."""
        told = [(one.services, one.segment, self._moved(one)) for one in self._rounds]
        return steadiness(joined(told), allow=allow, warmup=warmup, window=repr(self))

    def harness_steady(self, *, allow: Mapping[str, float] | None = None, warmup: float | None = None) -> Verdict:
        """Judge, in the same way, whether pytest or the drivers of the load grow.

        Unless `allow` says otherwise, pytest may come to hold 16 MiB more over the whole soak: in the first half hour
        it does come to hold 5 of them, as memory that rounds have used and given back is not all in one piece.
        """
        allow = {"pytest memory": SETTLED * HOUR / self.duration, **(allow or {})}
        told = [(one.harness, one.segment, self._moved(one)) for one in self._rounds]
        return steadiness(joined(told), allow=allow, warmup=warmup, window=repr(self))

    def _moved(self, one: Round) -> float:
        """Return what to add to the instants of a round for those of the first one's machine."""
        return one.ahead - self._rounds[0].ahead

    @property
    def said(self) -> str:
        """What came of it, in one line."""
        return f"{line(self.samples)}; {self._course}"

    def __repr__(self) -> str:
        return f"<Soak of {spelled(self.duration)} in {self._course}>"

    @property
    def _course(self) -> str:
        said = f"{self.rounds} rounds"
        if self.gaps:
            times = "once" if len(self.gaps) == 1 else f"{len(self.gaps)} times"
            said += f", resumed {times}, after gaps of {', '.join(map(spelled, self.gaps))}"
        return f"{said}; {self.strikes.total() or 'no'} strikes"
