"""The regularised incomplete beta function, and through it the binomial distribution.

After Press, Teukolsky, Vetterling and Flannery, "Numerical Recipes", third edition, section 6.4: the
continued fraction of the incomplete beta function, evaluated by the modified Lentz method. It
converges in some `sqrt(max(a, b))` steps, so that a tail of two million trials costs about a
millisecond, where a sum of its terms would take two million.
"""

from __future__ import annotations

import math

_TINY = 1e-300
_EPSILON = 1e-15


def incomplete_beta(a: float, b: float, x: float) -> float:
    """Return I_x(a, b), the chance that a Beta(a, b) variable is at most `x`.

    :param a: above 0.
    :param b: above 0.
    :param x: 0 to 1.
    """
    if x <= 0:
        return 0.0
    if x >= 1:
        return 1.0
    scale = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    # The fraction converges fast on one side of the mean only; the other comes by symmetry.
    if x < (a + 1) / (a + b + 2):
        return math.exp(scale) * _fraction(a, b, x) / a
    return 1.0 - math.exp(scale) * _fraction(b, a, 1 - x) / b


def at_most(successes: float, trials: float, chance: float) -> float:
    """Return the probability of at most `successes` in `trials`, each with the same `chance`.

    Successes and trials need not be whole, which lets one ask how many trials would be enough.
    """
    if successes < 0:
        return 0.0
    if successes >= trials:
        return 1.0
    return incomplete_beta(trials - successes, successes + 1, 1 - chance)


def _fraction(a: float, b: float, x: float) -> float:
    steps = 200 + 20 * int(math.sqrt(max(a, b)))
    c = 1.0
    d = 1.0 / _apart(1.0 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, steps):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1.0 / _apart(1.0 + even * d)
        c = _apart(1.0 + even / c)
        value *= d * c
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d = 1.0 / _apart(1.0 + odd * d)
        c = _apart(1.0 + odd / c)
        value *= d * c
        if abs(d * c - 1.0) < _EPSILON:
            return value
    raise ArithmeticError(f"the incomplete beta function of a={a}, b={b}, x={x} did not converge in {steps} steps")


def _apart(value: float) -> float:
    """Keep a denominator away from zero."""
    return value if abs(value) > _TINY else _TINY
