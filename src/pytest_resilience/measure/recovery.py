"""Recovery: how long after the heal of a fault a service kept to its objective again."""

from __future__ import annotations

import math

from pytest_resilience.errors import DriverSaturated, NoSamples, TooFewSamples, UsageError
from pytest_resilience.measure.byseconds import recovered
from pytest_resilience.measure.samples import Samples
from pytest_resilience.measure.seen import least_of
from pytest_resilience.measure.sides import require_episode
from pytest_resilience.measure.slo import SLO
from pytest_resilience.measure.sweep import STRETCH, Sweep
from pytest_resilience.timeline import Episode


def recovery(samples: Samples, episode: Episode, *, to: SLO, window: float = 1.0, step: float = 0.1) -> float:
    """Return the seconds from the heal until the first moment from which every following window meets `to`.

    A window of `window` seconds is laid every `step` seconds from the heal on, as long as load goes
    on. In it is what began after the heal and was in progress at any time within it, so that a
    request that hangs counts against every window for as long as its user waits. Each window is
    judged by what was seen in it, without bounds, and is stretched, to ten times its length at most,
    to hold as many samples as a quantile or a ratio of `to` needs to be one; but no stretching makes
    a window good in whose own time nothing was quick enough.

    Of a run so long that samples were folded by the second, windows of whole seconds are laid every second there.

    0.0 if no window missed it; `inf` if the last one did, or if load went on for less than a window.
    What is still in flight is not known, so ask when the load has ended.

    :raises UsageError: the fault is still in force.
    :raises NoSamples: nothing began after the heal.
    :raises TooFewSamples: not even a stretched window holds enough.
    :raises DriverSaturated: the generator was the limit after the heal.
    """
    require_episode(episode)
    healed = episode.healed
    if healed is None:
        raise UsageError(f"{episode.name} is still in force, so nothing has recovered: ask after its `with` block")
    if window <= 0 or step <= 0:
        raise UsageError(f"recovery: window={window} and step={step} have to be positive seconds")
    after = samples.after(episode)
    limited = after.saturation(tightest=to.tightest)
    if limited:
        raise DriverSaturated(f"{after.where}: the load generator was the limit: {limited}; recovery cannot be told")
    if not after:
        raise NoSamples(f"{after.where}: no load after the heal, so recovery cannot be told; hold it there (run.hold)")
    view = after.view
    if not view.blocks:
        found = _sweep(after, to, healed, window, step)
        return math.inf if found is None else found
    # Near the heal samples are raw, and the sweep is exact; where they were folded, it goes by whole seconds.
    folded = math.floor(min(block.start for block in view.blocks))
    least, whole = least_of(to), max(1, math.ceil(window))
    later = recovered(view, to, max(folded, math.ceil(healed)), window=whole, least=least, stretch=STRETCH)
    if later is None:
        return math.inf
    near = after.between(healed, folded) if folded - healed > window else None
    if later or near is None or len(near) < least:
        return max(folded, math.ceil(healed)) + later - healed if later else 0.0
    found = _sweep(near, to, healed, window, step)
    return folded - healed if found is None else found


def _sweep(after: Samples, to: SLO, healed: float, window: float, step: float) -> float | None:
    """Return the seconds from the heal until every window met `to`; None if the last one did not."""
    sweep = Sweep(after, to)
    if len(after) < sweep.least:
        raise _too_few(after, to, sweep.least, f"there are {len(after)}")
    judged = met_from = 0
    while (start := healed + judged * step) + window <= sweep.load_ends:
        length = sweep.move(start, window)
        if not sweep.enough and sweep.ended:
            break  # what is left of the load is too little for a window
        if not sweep.enough:
            raise _too_few(after, to, sweep.least, f"{STRETCH * window:g} s hold {sweep.count}")
        judged += 1
        if not sweep.met(length):
            met_from = judged
    return None if met_from == judged else round(met_from * step, 9)


def _too_few(after: Samples, to: SLO, least: int, there_are: str) -> TooFewSamples:
    return TooFewSamples(
        f"{after.where}: {to!r} needs {least} samples in a window and {there_are}; hold the load there for longer, "
        "raise its rate, or ask for a lower quantile"
    )
