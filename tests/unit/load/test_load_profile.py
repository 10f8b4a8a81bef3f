"""A profile is a pure function of elapsed time, and its arrivals are exact."""

from __future__ import annotations

import math
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_resilience.errors import UsageError
from pytest_resilience.load.profile import Profile, as_profile, ramp, spike, stairs, steady

SPIKE = spike(10, 100, at=2, lasting=1, total=5)


@pytest.mark.parametrize(
    ("profile", "t", "level"),
    [
        (steady(200), 0, 200),
        (steady(200), 1e9, 200),
        (steady(200), -1, 0),
        (steady(200, lasting=3), 2.999, 200),
        (steady(200, lasting=3), 3, 0),
        (ramp(0, 100, over=10), 0, 0),
        (ramp(0, 100, over=10), 5, 50),
        (ramp(100, 0, over=10), 2.5, 75),
        (ramp(0, 100, over=10), 10, 0),
        (SPIKE, 1.99, 10),
        (SPIKE, 2, 100),
        (SPIKE, 3, 10),
        (SPIKE, 5, 0),
        (stairs(1, 2, 4, each=10), 15, 2),
        (stairs(1, 2, 4, each=10), 29.9, 4),
        (ramp(0, 100, over=10) + steady(100), 10, 100),
        (ramp(0, 100, over=10) + steady(100), 1000, 100),
    ],
)
def test_the_level_at_a_moment(profile: Profile, t: float, level: float) -> None:
    assert profile.at(t) == pytest.approx(level)


@pytest.mark.parametrize(
    ("profile", "total", "arrivals"),
    [
        (steady(200), math.inf, math.inf),
        (steady(200, lasting=3), 3, 600),
        (steady(0, lasting=3), 3, 0),
        (ramp(0, 100, over=10), 10, 500),
        (ramp(50, 100, over=10), 10, 750),
        (SPIKE, 5, 140),
        (spike(10, 100, at=0, lasting=5, total=5), 5, 500),
        (stairs(1, 2, 4, each=10), 30, 70),
        (ramp(0, 100, over=10) + steady(100, lasting=2) + ramp(100, 0, over=10), 22, 1200),
    ],
)
def test_how_long_and_how_much_in_all(profile: Profile, total: float, arrivals: float) -> None:
    assert profile.total == total
    assert profile.cumulative(math.inf) == pytest.approx(arrivals)
    if math.isfinite(arrivals):
        assert len(list(profile.dues())) == arrivals


@pytest.mark.parametrize(
    ("profile", "k", "due"),
    [
        (steady(200), 0, 0),
        (steady(200), 3, 0.015),
        (steady(1000), 10**9, 10**6),  # a million seconds later to the digit: k / rate, nothing added up
        (steady(200, lasting=1), 199, 0.995),
        (steady(200, lasting=1), 200, math.inf),
        (ramp(0, 100, over=10), 0, 0),
        (ramp(0, 100, over=10), 5, 1),
        (ramp(0, 100, over=10), 20, 2),
        (ramp(100, 0, over=10), 499, 10 - math.sqrt(0.2)),
        (steady(100, lasting=1) + steady(50, lasting=1), 100, 1),
        (steady(100, lasting=1) + steady(50, lasting=1), 101, 1.02),
        (steady(100, lasting=1) + steady(0, lasting=5) + steady(50, lasting=1), 100, 6),
        (steady(1.5, lasting=1) + steady(1, lasting=1), 2, 1.5),  # half an arrival is carried over the joint
    ],
)
def test_when_an_arrival_is_due(profile: Profile, k: int, due: float) -> None:
    assert profile.due(k) == pytest.approx(due, rel=1e-12)


shapes = st.one_of(
    st.builds(lambda r, t: steady(r, lasting=t), st.floats(0.1, 500), st.floats(0.1, 5)),
    st.builds(lambda a, b, t: ramp(a, b, over=t), st.floats(0, 500), st.floats(0.1, 500), st.floats(0.1, 5)),
    st.builds(lambda a, b, t: stairs(a, b, each=t), st.floats(0, 500), st.floats(0.1, 500), st.floats(0.1, 5)),
)


@settings(deadline=None)  # a busy machine is no finding
@given(st.lists(shapes, min_size=1, max_size=3))
def test_due_is_the_inverse_of_cumulative_and_never_goes_back(parts: list[Profile]) -> None:
    profile = parts[0]
    for part in parts[1:]:
        profile += part
    dues = list(islice(profile.dues(), 400))
    assert dues == sorted(dues)
    for k, due in enumerate(dues):
        assert due <= profile.total
        assert profile.cumulative(due) == pytest.approx(k, abs=1e-6)


def test_drivers_that_share_a_profile_have_all_of_its_arrivals_and_none_twice() -> None:
    profile = ramp(0, 100, over=10) + steady(100, lasting=1)
    shared = sorted(due for share in range(3) for due in profile.dues(share, 3))
    assert shared == pytest.approx(list(profile.dues()))


def test_a_profile_says_what_it_will_do() -> None:
    assert repr(ramp(0, 1000, over=300) + steady(1000)) == "<Profile ramp 0 → 1000 over 300 s, then steady 1000>"
    assert repr(SPIKE) == "<Profile spike 10 → 100 at 2 s for 1 s, 5 s in all>"
    assert repr(stairs(1, 2, each=10)) == "<Profile stairs 1, 2, 10 s each>"


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: steady(-1),
        lambda: steady(math.inf),
        lambda: steady(math.nan),
        lambda: steady(1, lasting=0),
        lambda: ramp(0, 1, over=0),
        lambda: ramp(0, 1, over=math.inf),
        lambda: ramp(0, math.inf, over=1),
        lambda: spike(1, 2, at=5, lasting=6, total=10),
        lambda: spike(1, 2, at=-1, lasting=6, total=10),
        lambda: stairs(each=1),
        lambda: stairs(1, -1, each=1),
        lambda: stairs(1, each=0),
        lambda: steady(1) + steady(2),
        lambda: as_profile(0, "rate"),
        lambda: as_profile(steady(0), "rate"),
        lambda: as_profile(True, "rate"),
        lambda: as_profile("200", "rate"),  # type: ignore[arg-type]
    ],
)
def test_a_profile_that_cannot_be_meant_is_refused(wrong: object) -> None:
    assert callable(wrong)
    with pytest.raises(UsageError):
        wrong()


def test_a_profile_is_joined_with_profiles_alone() -> None:
    with pytest.raises(TypeError):
        steady(1, lasting=1) + 2  # type: ignore[operator]
