"""Poisson arrivals are drawn from the seed, as many as the profile says, and independent of one another."""

from __future__ import annotations

import math
import statistics
from itertools import islice, pairwise

import pytest

from pytest_resilience.errors import UsageError
from pytest_resilience.load.profile import Profile, as_profile, poisson, ramp, spike, steady


def test_the_mean_number_is_that_of_the_profile() -> None:
    counts = [len(list(poisson(ramp(0, 100, over=10)).dues(seed=seed))) for seed in range(200)]
    assert statistics.mean(counts) == pytest.approx(500, abs=4 * math.sqrt(500 / 200))
    assert statistics.variance(counts) == pytest.approx(500, rel=0.4)  # of a Poisson number it is the mean


def test_gaps_are_exponential() -> None:
    gaps = [after - before for before, after in pairwise(islice(poisson(100).dues(seed=3), 20_001))]
    assert statistics.mean(gaps) == pytest.approx(0.01, rel=0.03)
    assert statistics.stdev(gaps) == pytest.approx(0.01, rel=0.05)
    assert sum(gap > 0.02 for gap in gaps) / len(gaps) == pytest.approx(math.exp(-2), rel=0.1)


def test_they_follow_the_level() -> None:
    dues = list(poisson(spike(10, 1000, at=2, lasting=1, total=5)).dues(seed=1))
    assert dues == sorted(dues) and dues[-1] < 5
    assert sum(2 <= due < 3 for due in dues) == pytest.approx(1000, abs=130)


def test_a_replay_has_the_same_and_another_seed_others() -> None:
    profile = poisson(50)
    first, again, other = ([*islice(profile.dues(seed=seed), 20)] for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize(
    "profile", [poisson(steady(50, lasting=2)), steady(20, lasting=1) + poisson(steady(50, lasting=2))]
)
def test_drivers_share_the_arrivals_that_one_would_have(profile: Profile) -> None:
    shared = sorted(due for share in range(3) for due in profile.dues(share, 3, seed=5))
    assert shared == list(profile.dues(seed=5))


def test_only_the_part_that_was_asked_for_is_drawn() -> None:
    dues = list((steady(20, lasting=1) + poisson(steady(50, lasting=2)) + steady(10, lasting=1)).dues(seed=5))
    assert dues[:20] == pytest.approx([k / 20 for k in range(20)])
    last = [due for due in dues if due >= 3]
    assert [after - before for before, after in pairwise(last)] == pytest.approx([0.1] * (len(last) - 1))


def test_it_says_what_it_is_and_is_for_arrivals_alone() -> None:
    assert repr(poisson(ramp(0, 9, over=1))) == "<Profile poisson ramp 0 → 9 over 1 s>"
    with pytest.raises(UsageError, match="poisson says when arrivals come"):
        as_profile(poisson(5), "users")
    with pytest.raises(UsageError, match="asks for no load"):
        poisson(0)


@pytest.mark.parametrize(
    ("profile", "climbs"),
    [
        (steady(3), [(0, 0), (0, 1), (0, 2)]),
        (ramp(0, 4, over=2), [(0, 0), (0.5, 1), (1, 2), (1.5, 3)]),
        (ramp(3, 0, over=3), [(0, 0), (0, 1), (0, 2), (1, -3), (2, -2), (3, -1)]),
        (ramp(0, 2.5, over=5) + steady(1), [(0, 0), (2, 1), (4, 2), (5, -3), (5, -2)]),
        (spike(1, 3, at=1, lasting=1, total=4), [(0, 0), (1, 1), (1, 2), (2, -3), (2, -2)]),
    ],
)
def test_when_users_come_and_go(profile: Profile, climbs: list[tuple[float, int]]) -> None:
    found = list(profile.climbs())
    assert [user for _, user in found] == [user for _, user in climbs]
    assert [when for when, _ in found] == pytest.approx([when for when, _ in climbs])
    shared = sorted(one for share in range(2) for one in profile.climbs(share, 2))
    assert [user for _, user in sorted(found)] == [user for _, user in shared]
