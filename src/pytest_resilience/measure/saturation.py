"""Saturation: whether the load generator, and not the service, was the limit in a window.

The rules, any one of which is enough:

1. *Arrivals that were never sent.* The load that the test asked for was not applied.
2. *Sustained lateness.* Half of the arrivals or more were sent later after they were due than a tenth of the tightest
   latency limit that is judged, and than 20 ms; without a limit, than 50 ms.
3. *A full core.* The driver used 95 % of a core or more over the window, and the median lag of its
   loop was above 10 ms.

Rule 2 asks the median and not the tail. On a machine that is shared (a laptop, a CI runner, two
cores for a database, a service and the driver) the scheduler keeps any process waiting for some
tens of milliseconds now and then, so the p99 of the lateness says how busy the machine was and not
whether the driver kept up: judged by it, most honest runs would be inconclusive. A driver that does
not keep up falls further and further behind, and that moves the median. What the tail does to a
single verdict is met elsewhere: a latency objective that was missed only because of the time before
sending is inconclusive and not missed.

Rule 3 asks for both, because a driver that uses a full core without falling behind is only
efficient, and one that wakes late without using its core is on a busy machine, which rule 2 judges.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from pytest_resilience.measure.sample import Strain
from pytest_resilience.measure.view import View
from pytest_resilience.measure.words import percent, seconds

LATENESS_WITHOUT_LIMIT = 0.050
LATENESS_AT_LEAST = 0.020
LATENESS_SHARE = 0.10
FULL_CORE = 0.95
LOOP_LAG = 0.010


@dataclass(frozen=True)
class Saturation:
    """Why the generator was the limit, in one line."""

    reason: str

    def __str__(self) -> str:
        return self.reason


def saturation(
    view: View,
    *,
    strain: Sequence[Strain] = (),
    unsent: int = 0,
    tightest: float | None = None,
) -> Saturation | None:
    """Return why the generator was the limit, or None where it was not.

    :param view: the samples.
    :param unsent: how many arrivals were due and never sent.
    :param tightest: the tightest latency limit that is judged, in seconds.
    """
    if unsent:
        return Saturation(f"{unsent} of {view.count + unsent} arrivals were due and never sent")
    allowed = LATENESS_WITHOUT_LIMIT if tightest is None else max(LATENESS_SHARE * tightest, LATENESS_AT_LEAST)
    # Counting is linear where a median sorts; the median itself is only needed to tell of it.
    if view.later_than(allowed) * 2 > view.count:
        lateness = view.spread("lateness")
        median = (lateness[(len(lateness) - 1) // 2] + lateness[len(lateness) // 2]) / 2
        return Saturation(f"half of the arrivals were sent {seconds(median)} late or more (allowed {seconds(allowed)})")
    if strain:
        cpu = statistics.fmean(record.cpu for record in strain)
        lag = statistics.median(record.lag for record in strain)
        if cpu >= FULL_CORE and lag > LOOP_LAG:
            return Saturation(f"the driver used {percent(cpu)} of its core and its loop woke {seconds(lag)} late")
    return None
