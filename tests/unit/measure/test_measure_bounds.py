"""Bounds agree with published values and with sums that are done the long way."""

from __future__ import annotations

import math
import time

import pytest

from pytest_resilience.measure import bounds
from pytest_resilience.measure.beta import at_most, incomplete_beta


@pytest.mark.parametrize(
    ("a", "b", "x", "value"),
    [
        (1, 1, 0.3, 0.3),
        (2, 3, 0.4, 0.5248),
        (0.5, 0.5, 0.5, 0.5),
        (0.5, 0.5, 0.1, 0.204832764699133),  # 2/pi asin(sqrt x)
        (5, 1, 0.9, 0.59049),
        (1, 5, 0.1, 0.40951),
        (2, 2, 0.0, 0.0),
        (2, 2, 1.0, 1.0),
    ],
)
def test_the_beta_function_has_its_known_values(a, b, x, value):
    assert incomplete_beta(a, b, x) == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize(("n", "chance"), [(1, 0.5), (10, 0.5), (100, 0.01), (300, 0.99), (1000, 0.3)])
def test_the_binomial_is_what_its_sum_says(n, chance):
    total = 0.0
    for k in range(n):
        total += math.comb(n, k) * chance**k * (1 - chance) ** (n - k)
        assert at_most(k, n, chance) == pytest.approx(total, rel=1e-9, abs=1e-12)
    assert (at_most(-1, n, chance), at_most(n, n, chance)) == (0.0, 1.0)


@pytest.mark.parametrize(("q", "needed"), [(0.5, 5), (0.95, 59), (0.99, 299), (0.999, 2995)])
def test_a_quantile_has_an_upper_bound_from_its_known_number_of_samples_on(q, needed):
    assert bounds.samples_for_quantile(q, 0.95) == needed
    assert bounds.upper_rank(needed - 1, q, 0.95) is None
    assert bounds.upper_rank(needed, q, 0.95) == needed


def test_no_error_in_299_samples_shows_less_than_one_per_cent():
    assert bounds.samples_for_ratio(0.01, 0.95) == 299
    assert bounds.upper_ratio(0, 299, 0.95) < 0.01 < bounds.upper_ratio(0, 298, 0.95)


@pytest.mark.parametrize(
    ("seen", "n", "lower", "upper"),
    [
        (10, 100, 0.0490, 0.1762),
        (1, 10, 0.0025, 0.4450),
        (0, 10, 0.0, 0.3085),
        (10, 10, 0.6915, 1.0),
        (5, 20, 0.0866, 0.4910),
    ],
)
def test_ratios_have_the_bounds_that_tables_of_clopper_and_pearson_give(seen, n, lower, upper):
    # The tables are two-sided at 95 %, that is 97.5 % on either side.
    assert bounds.lower_ratio(seen, n, 0.975) == pytest.approx(lower, abs=5e-5)
    assert bounds.upper_ratio(seen, n, 0.975) == pytest.approx(upper, abs=5e-5)


@pytest.mark.parametrize("n", [7, 59, 100, 299, 1000])
@pytest.mark.parametrize("q", [0.5, 0.95, 0.99])
def test_the_ranks_are_the_tightest_that_keep_the_confidence(n, q):
    upper, lower = bounds.upper_rank(n, q, 0.95), bounds.lower_rank(n, q, 0.95)
    enough = [rank for rank in range(1, n + 1) if at_most(rank - 1, n, q) >= 0.95]
    below = [rank for rank in range(1, n + 1) if 1 - at_most(rank - 1, n, q) >= 0.95]
    assert upper == (enough[0] if enough else None)
    assert lower == (below[-1] if below else None)


def test_a_single_sample_bounds_nothing():
    assert bounds.upper_rank(1, 0.5, 0.95) is None
    assert bounds.lower_rank(1, 0.5, 0.95) is None
    assert bounds.upper_rank(0, 0.5, 0.95) is None


def test_two_million_samples_are_bounded_in_no_time():
    began = time.process_time()
    rank = bounds.upper_rank(2_000_000, 0.99, 0.95)
    ratio = bounds.upper_ratio(20_000, 2_000_000, 0.95)
    assert time.process_time() - began < 0.2
    # Against the normal approximation, which is good at this size.
    spread = math.sqrt(2_000_000 * 0.99 * 0.01)
    assert rank == pytest.approx(1_980_000 + 1.6449 * spread, abs=3)
    assert ratio == pytest.approx(0.01 + 1.6449 * spread / 2_000_000, rel=1e-3)


def test_the_estimate_of_samples_is_what_would_tell():
    assert bounds.samples_to_tell(0.0, 0.01, 0.95) == 299
    n = bounds.samples_to_tell(0.005, 0.01, 0.95)
    assert bounds.upper_ratio(0.005 * n, n, 0.95) <= 0.01 < bounds.upper_ratio(0.005 * (n - 1), n - 1, 0.95)
    n = bounds.samples_to_tell(0.02, 0.01, 0.95)
    assert bounds.lower_ratio(0.02 * n, n, 0.95) > 0.01 >= bounds.lower_ratio(0.02 * (n - 1), n - 1, 0.95)


def test_what_is_on_the_limit_cannot_be_told_by_ten_million():
    assert bounds.samples_to_tell(0.01, 0.01, 0.95) is None
