"""A guard: watches a run for a critical threshold, at which its load has to end."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace

from pytest_resilience.errors import UsageError
from pytest_resilience.measure.samples import Samples
from pytest_resilience.measure.slo import SLO, Critical

EVERY = 0.2  # seconds between two looks
SHARE = 0.1  # of this process's time that looking may take; what takes longer is done more rarely
LATELY = 5.0  # seconds back that an objective is judged by
STEP = 1.0  # seconds from one such window to the next, in a look back
SURE = 0.999  # a run is looked at hundreds of times, and each look may err


class Guard:
    """Looks whether a threshold has been crossed.

    :param critical: an objective, which is crossed when what finished in the last 5 s has missed it, 99.9 % sure; or
        a function of the samples so far, which says so by returning something true, such as the reason.
    """

    def __init__(self, critical: SLO | Critical, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._critical: SLO | None = None
        self._next = 0.0
        self._seen = -math.inf  # when the newest sample of the last look was finished
        if isinstance(critical, SLO):
            beyond = sorted(critical.limits.keys() & {"cpu", "memory", "recovery"})
            if beyond:
                raise UsageError(f"stop_when={critical!r}: {beyond[0]} is not seen in samples: give a function instead")
            if critical.confidence is not None:
                critical = replace(critical, confidence=max(critical.confidence, SURE))
            self._critical = critical
            self._crossed: Callable[[Samples], str | None] = lambda samples: _missed(critical, samples)
        elif callable(critical):
            self._crossed = lambda samples: _said(critical, samples)
        else:
            raise UsageError(f"stop_when={critical!r}: expected an SLO, or a function of the samples so far")

    @property
    def due(self) -> float:
        """When it wants to look next, in monotonic seconds."""
        return self._next

    def look(self, samples: Samples) -> str | None:
        """Return which threshold has been crossed, None for none or where it is not yet time to look."""
        began = self._clock()
        if began < self._next:
            return None
        reason = self._crossed(samples) if len(samples) else None
        self._seen = samples.span[1] if len(samples) else self._seen
        ended = self._clock()
        self._next = ended + max(EVERY, (ended - began) / SHARE)
        return reason

    def look_back(self, samples: Samples) -> str | None:
        """Return which threshold was crossed since the last look: by a run that is over, and was not always held."""
        if not len(samples):
            return None
        start, end = samples.span
        start = max(start, self._seen - LATELY)
        while self._critical is not None and start + LATELY < end:
            reason = _missed_in(self._critical, samples.between(start, start + LATELY))
            if reason is not None:
                return reason
            start += STEP
        return self._crossed(samples)


def _missed(critical: SLO, samples: Samples) -> str | None:
    if critical.rate is not None and samples.duration < LATELY:
        return None  # a load that has just begun has no rate yet
    return _missed_in(critical, samples.lately(LATELY))


def _missed_in(critical: SLO, window: Samples) -> str | None:
    verdict = critical.judge(window) if len(window) else None
    return str(verdict) if verdict is not None and verdict.missed else None


def _said(critical: Critical, samples: Samples) -> str | None:
    answer = critical(samples)
    if not answer:
        return None
    return answer if isinstance(answer, str) else f"{getattr(critical, '__name__', repr(critical))} said {answer!r}"
