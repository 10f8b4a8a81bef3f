"""Leak verdicts, on simulated services that leak and that do not: at most 1 wrong in 100."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from courses import CALM, LEAKS, MB, counted, course, lives

from pytest_resilience.measure.growth import Figure, judged
from pytest_resilience.measure.verdict import Finding, Outcome

MANY = 120
STEADY: dict[str, Callable[[str], Figure]] = {
    **{name: lambda seed, shape=shape: course(shape, seed) for name, shape in CALM.items()},  # type: ignore[misc]
    "restarts": lambda seed: lives(CALM["a cache that fills"], seed),
    "connections": counted,
}
GROWING: dict[str, Callable[[str], Figure]] = {
    **{name: lambda seed, shape=shape: course(shape, seed) for name, shape in LEAKS.items()},  # type: ignore[misc]
    "a leak and restarts": lambda seed: lives(LEAKS["a leak"], seed),
}


def verdict(figure: Figure, *, allowed: float | None = None) -> Finding:
    return judged(figure, warmup=600, share=0.25, allowed=allowed)


def outcomes(make: Callable[[str], Figure], many: int = MANY) -> Counter[str]:
    return Counter(verdict(make(str(seed))).outcome.value for seed in range(many))


@pytest.mark.parametrize("kind", STEADY)
def test_what_does_not_leak_is_not_blamed(kind: str) -> None:
    assert outcomes(STEADY[kind])["missed"] <= MANY // 100


@pytest.mark.parametrize("kind", GROWING)
def test_what_leaks_is_not_passed(kind: str) -> None:
    assert outcomes(GROWING[kind])["met"] <= MANY // 100


@pytest.mark.parametrize(("kind", "said"), [("noise", "met"), ("connections", "met"), ("a leak", "missed")])
def test_what_is_clear_is_told(kind: str, said: str) -> None:
    assert outcomes({**STEADY, **GROWING}[kind], 40)[said] >= 36


def line(slope: float, *, start: float = 50 * MB, seconds: int = 120) -> tuple[tuple[float, float], ...]:
    return tuple((at / 5, start + slope * at / 5) for at in range(seconds * 5))


@pytest.mark.parametrize(
    ("lives", "outcome", "text"),
    [
        ((line(0),), Outcome.MET, "x memory grows by 0 B an hour"),
        ((line(MB),), Outcome.MISSED, "it leaks"),
        ((line(-MB),), Outcome.MET, "grows by -3.77 GB an hour"),
        ((), Outcome.INCONCLUSIVE, "nothing was read after the warm-up"),
        ((line(0)[:8],), Outcome.INCONCLUSIVE, "too few"),
        ((line(0)[:1],) * 50, Outcome.INCONCLUSIVE, "nothing was read after the warm-up"),
        ((line(0)[:3] + line(0)[-3:],), Outcome.INCONCLUSIVE, "too few"),
    ],
)
def test_a_verdict_says_how_fast_it_grows(
    lives: tuple[tuple[tuple[float, float], ...], ...], outcome: Outcome, text: str
) -> None:
    found = verdict(Figure("x memory", lives))
    assert (found.outcome, text in found.text) == (outcome, True), found.text


@pytest.mark.parametrize(("allowed", "outcome"), [(3700 * MB, Outcome.MET), (3500 * MB, Outcome.MISSED)])
def test_what_may_grow_in_an_hour_can_be_said(allowed: float, outcome: Outcome) -> None:
    assert verdict(Figure("x memory", (line(MB),)), allowed=allowed).outcome is outcome


def test_each_start_has_a_warm_up_of_its_own() -> None:
    warm = tuple((at / 5, 50 * MB + min(at, 100) * MB) for at in range(600))
    later = tuple((at + 200, value) for at, value in warm)
    assert verdict(Figure("x memory", (warm, later))).outcome is Outcome.MET


def test_what_went_down_at_a_restart_still_leaked() -> None:
    later = tuple((at + 200, value) for at, value in line(MB))
    assert verdict(Figure("x memory", (line(MB), later))).outcome is Outcome.MISSED
