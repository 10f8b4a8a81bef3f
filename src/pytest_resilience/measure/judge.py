"""Judges: one objective held against what was seen, a function each.

With a confidence, an objective is *met* when the bound on the bad side of the truth is within the limit,
*missed* when the bound on its good side is beyond it, and else *inconclusive*. With None the point
estimate decides, and is inconclusive where the samples are too few for it to be one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from pytest_resilience.measure import bounds, figures
from pytest_resilience.measure.spread import Spread
from pytest_resilience.measure.verdict import Finding, Outcome
from pytest_resilience.measure.words import per_second, percent, seconds

# "No errors" is a statement about the window alone, yet of a few samples it says nothing: as many
# are asked for as a p95 takes.
NO_ERRORS_NEEDS = 0.05


def latency(spread: Spread, q: float, limit: float, confidence: float | None, effect: float = 1.0) -> Finding:
    """Judge whether the `q` quantile of latencies is at most `limit` seconds.

    :param effect: how many of them show as much as one independent one. What is met is a claim about the
        service, and takes that into account. What is missed has been missed by those who were there.
    """
    n, name = len(spread), figures.quantile_name(q)
    value = figures.quantile(spread, q)
    if confidence is None:
        return _point(Finding(name, Outcome.MET, "", value, limit), n, figures.needed(q), seconds)
    upper, lower = bounds.upper_rank(n, q, confidence, effect), bounds.lower_rank(n, q, confidence)
    least = None if lower is None else spread.floor(lower - 1)
    most = None if upper is None else spread.ceiling(upper - 1)
    outcome, text = _between(value, limit, (least, most), f"{percent(confidence)} sure", seconds)
    if outcome is not Outcome.INCONCLUSIVE:
        text += f", {_number(n, effect if outcome is Outcome.MET else 1)})"
    elif most is None and effect == 1:
        needed = bounds.samples_for_quantile(q, confidence)
        text = f" of {n} samples cannot be known: {needed - n} more needed to be {percent(confidence)} sure"
    else:
        text += f" ({_number(n, effect)}; {_more(spread.above(limit) / n, 1 - q, confidence, n, effect)})"
    return Finding(name, outcome, name + text, value, limit)


def met_whatever(spread: Spread, q: float, limit: float, confidence: float | None, unknown: int) -> bool:
    """Tell whether `q` would be met even if `unknown` more of the latencies were above the limit."""
    n = len(spread)
    above = min(n, spread.above(limit) + unknown)
    return (above / n if confidence is None else bounds.upper_ratio(above, n, confidence)) <= 1 - q + figures.NEARLY


def error_rate(
    failed: int, n: int, limit: float, confidence: float | None, *, effect: float = 1.0, name: str = "error_rate"
) -> Finding:
    """Judge whether the share of failures is at most `limit`; `effect` as for `latency`."""
    value = failed / n
    if limit == 0:
        return _no_errors(failed, n, confidence, name)
    if confidence is None:
        return _point(Finding(name, Outcome.MET, "", value, limit), n, figures.needed(1 - limit), percent)
    seen = (
        bounds.lower_ratio(failed, n, confidence),
        bounds.upper_ratio(failed / effect, n / effect, confidence),
    )
    outcome, text = _between(value, limit, seen, f"{percent(confidence)} sure", percent)
    if outcome is Outcome.INCONCLUSIVE:
        text += f" ({_number(n, effect)}; {_more(value, limit, confidence, n, effect)})"
    else:
        text += f", {_number(n, effect if outcome is Outcome.MET else 1)})"
    return Finding(name, outcome, name + text, value, limit)


def rate(succeeded: int, duration: float, limit: float) -> Finding:
    """Judge whether at least `limit` a second succeeded: counted, and so without a bound."""
    if duration <= 0:
        return Finding("rate", Outcome.INCONCLUSIVE, "rate of a window without length cannot be known", None, limit)
    value = succeeded / duration
    outcome, sign = (Outcome.MET, "≥") if value >= limit else (Outcome.MISSED, "<")
    shown = f"{succeeded} succeeded in {seconds(duration)}"
    return Finding("rate", outcome, f"rate {per_second(value)} {sign} {per_second(limit)} ({shown})", value, limit)


def at_most(name: str, value: float | None, limit: float, write: Callable[[float], str], how: str) -> Finding:
    """Judge a figure that was measured and has no bound: met at most at `limit`; None for one that is not known."""
    if value is None:
        return Finding(name, Outcome.INCONCLUSIVE, f"{name} is not known: {how}", None, limit)
    outcome, sign = (Outcome.MET, "≤") if value <= limit else (Outcome.MISSED, ">")
    return Finding(name, outcome, f"{name} {write(value)} {sign} {write(limit)} ({how})", value, limit)


def _no_errors(failed: int, n: int, confidence: float | None, name: str) -> Finding:
    """Judge that nothing failed, which is said of the window alone.

    One failure misses it, and none in enough samples meets it, whatever may be true of the service:
    no number of samples shows that one never fails.
    """
    if confidence is None:
        needed, sure = figures.needed(1 - NO_ERRORS_NEEDS), ""
    else:
        needed = bounds.samples_for_ratio(NO_ERRORS_NEEDS, confidence)
        sure = f"{percent(confidence)} sure ≤ {percent(bounds.upper_ratio(failed, n, confidence))}, "
    if failed:
        outcome, text = Outcome.MISSED, f"{percent(failed / n)} > 0% ({failed} of {n} failed)"
    elif n < needed:
        outcome, text = Outcome.INCONCLUSIVE, f"of {n} samples is too little to go by: {needed - n} more needed"
    else:
        outcome, text = Outcome.MET, f"0%: none failed ({sure}n={n})"
    return Finding(name, outcome, f"{name} {text}", failed / n, 0.0)


def _point(finding: Finding, n: int, needed: int, write: Callable[[float], str]) -> Finding:
    """Judge the value of `finding` as if it were the truth."""
    name, value, limit = finding.objective, finding.value or 0.0, finding.limit or 0.0
    if n < needed:
        text = f"{name} of {n} samples cannot be known: {needed - n} more needed"
        return replace(finding, outcome=Outcome.INCONCLUSIVE, text=text)
    outcome, sign = (Outcome.MET, "≤") if value <= limit else (Outcome.MISSED, ">")
    return replace(finding, outcome=outcome, text=f"{name} {write(value)} {sign} {write(limit)} (n={n})")


def _between(
    value: float, limit: float, seen: tuple[float | None, float | None], sure: str, write: Callable[[float], str]
) -> tuple[Outcome, str]:
    """Judge by the bounds between which the truth is; the parenthesis of a certain outcome is left open."""
    least, most = seen
    if least is not None and least > limit:
        return Outcome.MISSED, f" {write(value)} > {write(limit)} ({sure} ≥ {write(least)}"
    if most is not None and most <= limit:
        return Outcome.MET, f" {write(value)} ≤ {write(limit)} ({sure} ≤ {write(most)}"
    low = "" if least is None else f"{write(least)} to "
    high = "any" if most is None else write(most)
    return Outcome.INCONCLUSIVE, f" {write(value)} may be {low}{high}, limit {write(limit)}"


def _number(n: int, effect: float) -> str:
    return f"n={n}" if effect == 1 else f"n={n}, which come in bursts and are worth {n / effect:.0f}"


def _more(share: float, limit: float, confidence: float, n: int, effect: float) -> str:
    total = bounds.samples_to_tell(share, limit, confidence)
    if total is None:
        return "too close to tell with ten million"
    return f"about {max(round(total * effect) - n, 1)} more would tell"
