"""The trend test and the slope, against what is known."""

from __future__ import annotations

import math
import random
from itertools import combinations

import pytest

from pytest_resilience.measure.trend import inflation, kendall, tied_variance, trend

TABLE = [
    # values, S, its variance: by the formula with ties, n(n-1)(2n+5)/18 less t(t-1)(2t+5)/18 for each tie of t
    ([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 45, 125.0),
    ([10, 9, 8, 7, 6, 5, 4, 3, 2, 1], -45, 125.0),
    ([1, 1, 2, 2], 4, (4 * 3 * 13 - 2 * 2 * 1 * 9) / 18),
    ([3, 3, 3, 3], 0, 0.0),
    ([2, 1, 3, 5, 4], 6, 50 / 3),
]


@pytest.mark.parametrize(("values", "score", "variance"), TABLE)
def test_the_score_and_its_variance(values: list[float], score: int, variance: float) -> None:
    assert (kendall(values), tied_variance(values)) == (score, pytest.approx(variance))


def test_the_score_is_what_counting_pairs_gives() -> None:
    draw = random.Random(1)
    for _ in range(50):
        values = [draw.randrange(8) for _ in range(draw.randrange(2, 30))]
        assert kendall(values) == sum((b > a) - (b < a) for a, b in combinations(values, 2))


def test_ten_that_rise_are_beyond_chance() -> None:
    found = trend([[(float(at), float(at)) for at in range(10)]])
    assert found.p == pytest.approx(0.5 * math.erfc(44 / math.sqrt(125) / math.sqrt(2)))
    assert (found.slope, found.low, found.high, found.points) == (1, 1, 1, 10)


def test_the_slope_is_the_median_of_all_pairs() -> None:
    points = [(0.0, 0.0), (1.0, 1.0), (2.0, 100.0), (4.0, 4.0)]
    steep = sorted((b - a) / (t - s) for (s, a), (t, b) in combinations(points, 2))
    assert trend([points]).slope == (steep[2] + steep[3]) / 2


def test_lives_are_not_compared_with_one_another() -> None:
    first, second = [(float(at), 5.0) for at in range(10)], [(at + 50.0, 1000.0) for at in range(10)]
    found = trend([first, second])
    assert (found.slope, found.low, found.high, found.p) == (0, 0, 0, 1)


@pytest.mark.parametrize("lives", [[], [[]], [[(1.0, 2.0)]], [[(1.0, 2.0)], [(5.0, 9.0)]]])
def test_of_nothing_nothing_can_be_told(lives: list[list[tuple[float, float]]]) -> None:
    found = trend(lives)
    assert (math.isnan(found.slope), found.low, found.high, found.p) == (True, -math.inf, math.inf, 1)


def test_few_points_have_no_bounds() -> None:
    assert trend([[(0.0, 1.0), (1.0, 2.0), (2.0, 1.5)]]).high == math.inf


def test_neighbours_that_are_alike_raise_the_variance() -> None:
    draw = random.Random(2)
    value, walk = 0.0, []
    for at in range(60):
        value = 0.9 * value + draw.gauss(0, 1)
        walk.append((float(at), value))
    assert inflation(walk) > 2
    shuffled = [one for _, one in walk]
    draw.shuffle(shuffled)
    assert inflation([(float(at), one) for at, one in enumerate(shuffled)]) < 2


def test_the_bounds_hold_as_often_as_they_say() -> None:
    draw, outside = random.Random(3), 0
    for _ in range(200):
        found = trend([[(float(at), 0.3 * at + draw.gauss(0, 2)) for at in range(25)]], confidence=0.95)
        outside += not found.low <= 0.3 <= found.high
    assert outside <= 0.1 * 200 + 3 * math.sqrt(200 * 0.1 * 0.9)  # a twentieth on each side
