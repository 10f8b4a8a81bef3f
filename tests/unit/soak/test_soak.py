"""A soak as a report tells of it: all rounds as one run, on the clock of the machine that ended it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from pytest_resilience.measure.frozen import freeze
from pytest_resilience.measure.sample import Sample
from pytest_resilience.report.story import Story
from pytest_resilience.report.tell import tell
from pytest_resilience.soak.round import Round
from pytest_resilience.soak.soak import Soak

RATE = 10


def made(number: int, began: float, *, ahead: float = 1000.0, segment: int = 0, failing: bool = False) -> Round:
    """Ten seconds of load; of one that fails, the last five meet a fault."""
    error = ConnectionRefusedError("refused")
    dues = [began + one / RATE for one in range(10 * RATE)]
    whole = [Sample(due, due, due + 0.01, 200, None, "GET /") for due in dues]
    if failing:
        whole[50:] = [Sample(due, due, due + 0.01, None, error, "GET /") for due in dues[50:]]
    cut = 50 if failing else None
    return Round(
        number=number, segment=segment, ahead=ahead, began=began, ended=began + 10, held=10,
        calm=freeze(whole[:cut], piece=1), struck=freeze(whole[cut:] if cut else []), services={}, harness={},
        strikes=[], touched={}, examples={"refused": "refused"} if failing else {},
    )  # fmt: skip


def told(soak: Soak) -> Story:
    story = Story(soaks=[soak])
    assert story.told
    return story


def test_a_soak_is_told_as_one_run() -> None:
    soak = Soak([made(1, 100), made(2, 110, failing=True), made(3, 120)])
    record = tell(told(soak), name="t", outcome="passed", seconds=30, doc="", kinds=("soak",), failure="", replay="")
    (drive,) = record.drives
    assert (drive.title, drive.samples) == ("soak of 30 s", 300)
    assert re.fullmatch(r"16\.7% errors \(.* 50\), .*, n=300, 10\.0/s; 3 rounds; .* strikes", drive.line)
    assert repr(soak).startswith("<Soak of 30 s in 3 rounds; ")
    assert sum(drive.errors.values()) == 50
    assert drive.ended - drive.began == pytest.approx(30)
    middles = [(point.at - drive.began, point.errors) for point in drive.points if point.rate]
    assert {round(at) // 5 for at, errors in middles if errors > 0.5} == {3}  # from 15 to 20 s
    assert sum(point.rate for point in drive.points) / len(drive.points) == pytest.approx(RATE, rel=0.05)


def test_the_time_before_it_was_resumed_is_told_on_the_later_clock() -> None:
    # The second machine has just booted, an hour later.
    soak = Soak([made(1, 100), made(2, 5, ahead=1000 + 100 + 10 + 3600 - 5, segment=1)])
    assert soak.gaps == (3600,)
    assert (soak.began, soak.elapsed) == (5 - 3610, 3620)
    record = tell(told(soak), name="t", outcome="passed", seconds=30, doc="", kinds=("soak",), failure="", replay="")
    rates = [point.rate for point in record.drives[0].points]
    assert rates[0] > 0 and rates[-1] > 0
    assert set(rates[1:-1]) == {0}


def settling(t: float) -> float:
    return 7e6 * (1 - math.exp(-t / 1500))


def leaking(t: float) -> float:
    return 12e3 * t


@pytest.mark.parametrize(("grown", "met"), [(settling, True), (leaking, False)])
def test_memory_of_pytest_may_settle_and_not_grow_on(grown: Callable[[float], float], met: bool) -> None:
    def read(began: float) -> tuple[list[float], list[float], list[int]]:
        at = [began + 15.0 * number for number in range(20)]
        return at, [61e6 + grown(one) for one in at], [0] * len(at)

    rounds = [
        replace(made(number, 300.0 * number), held=300, harness={"pytest memory": read(300.0 * number)})
        for number in range(12)
    ]
    assert Soak(rounds).harness_steady().met is met
    assert not Soak(rounds).harness_steady(allow={"pytest memory": 1e6}).met
