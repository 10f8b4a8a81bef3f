"""Whom `--resilience-monkey` strikes, when and by what, and what it says of that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from fault_toys import Toy

from pytest_resilience import Breakage, Receipt, fault, timeline, wait_until
from pytest_resilience.errors import UsageError
from pytest_resilience.faults.appetite import Appetite
from pytest_resilience.faults.visit import Plan, Visit, plan
from pytest_resilience.report.monkeys import ALONE, monkey_lines
from pytest_resilience.timeline import Timeline

ALWAYS = Appetite((("store", 1.0),))


@pytest.fixture(autouse=True)
def line() -> Iterator[Timeline]:
    fresh = Timeline()
    before = timeline.set_current(fresh)
    yield fresh
    timeline.set_current(before)


@dataclass
class Store:
    name: str = "store"
    log: list[str] = field(default_factory=list)
    breaks: bool = True
    heals: bool = True
    touching: int = 1

    @fault
    def killed(self, *, optional: bool = False) -> Breakage:
        if not self.breaks:
            raise OSError("does not break")
        self.log.append("killed")
        yield Receipt(optional=optional, parts=self.touching)
        if not self.heals:
            raise OSError("does not come back")
        self.log.append("back")


@pytest.mark.parametrize(
    ("text", "shares"),
    [
        ("redis:0.5", {"redis": 0.5}),
        ("redis,postgres,app:0.1", {"redis": 0.1, "postgres": 0.1, "app": 0.1}),
        ("redis:1, postgres:.25", {"redis": 1.0, "postgres": 0.25}),
        ("a,b:0.5,c-1.x:1.0", {"a": 0.5, "b": 0.5, "c-1.x": 1.0}),
    ],
)
def test_a_probability_holds_for_the_names_before_it(text: str, shares: dict[str, float]) -> None:
    read = Appetite.parse(text)
    assert dict(read.shares) == shares
    assert Appetite.parse(str(read)) == read


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("redis", "redis has no probability"),
        ("redis:0.1,postgres,app", "postgres, app has no probability"),
        ("redis:0", "'0' is no probability"),
        ("redis:1.5", "'1.5' is no probability"),
        ("redis:often", "'often' is no probability"),
        ("redis:-1", "'-1' is no probability"),
        ("redis:0.1:0.2", "'0.1:0.2' is no probability"),
        ("redis:", "'' is no probability"),
        (":0.1", "':0.1' names no target"),
        ("redis,,app:0.1", "'' names no target"),
        ("re dis:0.1", "'re dis:0.1' names no target"),
        ("redis,redis:0.1", "redis is named twice"),
        ("redis:0.1,redis:0.2", "redis is named twice"),
    ],
)
def test_what_cannot_be_meant_is_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        Appetite.parse(text)
    assert str(caught.value).startswith(f"--resilience-monkey={text}: {message}")
    assert "redis,postgres:0.1" in str(caught.value)


def test_what_is_drawn_depends_on_the_seed_and_the_name_alone() -> None:
    assert plan(1, "redis", 1.0) == plan(1, "redis", 1.0) is not None
    assert len({plan(1, "redis", 1.0), plan(2, "redis", 1.0), plan(1, "app", 1.0)}) == 3
    # The same strike with a lower probability, or none.
    struck = [seed for seed in range(1000) if plan(seed, "redis", 0.3)]
    assert all(plan(seed, "redis", 0.3) == plan(seed, "redis", 1.0) for seed in struck)
    assert 250 < len(struck) < 350


def test_the_moments_are_spread_over_tests_of_milliseconds_and_of_seconds() -> None:
    plans = [one for seed in range(1000) if (one := plan(seed, "redis", 1.0))]
    assert all(0.001 <= one.at <= 1 and 0.05 <= one.lasting <= 0.5 and 0 <= one.pick < 1 for one in plans)
    assert 280 < sum(one.at < 0.01 for one in plans) < 390
    assert 280 < sum(one.at > 0.1 for one in plans) < 390


def test_it_takes_one_of_the_faults_that_the_target_has() -> None:
    assert Plan(0, 0, 0.99).of(Store()).name == "store.killed"


def test_a_target_is_struck_once_and_healed_when_the_test_ends(line: Timeline) -> None:
    store = Store()
    visit = Visit(ALWAYS, {"store": store}, seed=1)
    wait_until(lambda: store.log, within=10)
    visit.end()
    assert store.log == ["killed", "back"]
    assert visit.told == "store=struck"
    (said,) = visit.said
    assert said.startswith("store.killed from ") and "NEVER" not in said
    assert visit.missed == [] and not line.in_force


def test_a_test_that_ends_before_the_strike_is_not_struck_and_says_so(line: Timeline) -> None:
    seed = next(seed for seed in range(100) if (one := plan(seed, "store", 1.0)) and one.at > 0.5)
    visit = Visit(ALWAYS, {"store": Store()}, seed=seed)
    visit.end()
    assert (visit.told, line.episodes) == ("store=too late", [])
    assert visit.missed == visit.said and "the test ended before 0." in visit.said[0]


def test_a_target_that_comes_in_the_body_is_struck_when_it_is_there() -> None:
    targets: dict[str, object] = {}
    visit = Visit(ALWAYS, targets, seed=1)
    assert visit.told == "" and visit.said == []
    store = targets["store"] = Store()
    wait_until(lambda: store.log, within=10)
    visit.end()
    assert visit.told == "store=struck"


def test_what_the_test_does_not_use_is_not_spoken_of() -> None:
    visit = Visit(ALWAYS, {"other": Store()}, seed=1)
    visit.end()
    assert (visit.told, visit.said) == ("", [])


def test_a_strike_that_touched_nothing_is_not_counted_as_one() -> None:
    store = Store(touching=0)
    visit = Visit(ALWAYS, {"store": store}, seed=1)
    # The receipt of the toy is optional, as each of the monkey's is.
    wait_until(lambda: store.log, within=10)
    visit.end()
    assert visit.told == "store=touched nothing"


def test_what_cannot_be_struck_is_told_and_is_no_error() -> None:
    visit = Visit(ALWAYS, {"store": Store(breaks=False)}, seed=1)
    wait_until(lambda: visit.told == "store=could not", within=10)
    visit.end()
    assert visit.missed == ["store could not be struck: OSError: does not break"]
    unbreakable = Visit(ALWAYS, {"store": Toy("store")}, seed=1)
    wait_until(lambda: unbreakable.told == "store=could not", within=10)
    unbreakable.end()
    assert "has none of the faults killed, restarted" in unbreakable.said[0]


def test_what_does_not_come_back_is_an_error_and_keeps_nobody_else_from_it() -> None:
    both = Appetite((("bad", 1.0), ("good", 1.0)))
    good = Store("good")
    targets = {"bad": Store("bad", heals=False), "good": good}
    visit = Visit(both, targets, seed=1)
    wait_until(lambda: good.log, within=10)
    wait_until(lambda: visit.told.startswith("bad=struck"), within=10)
    with pytest.raises(OSError, match="does not come back"):
        visit.end()
    assert good.log == ["killed", "back"]
    assert any("NEVER HEALED" in said for said in visit.said)


def test_the_session_says_how_many_were_struck_of_how_many() -> None:
    told = ["redis=struck;app=spared", "redis=too late", "", ALONE, "app=touched nothing;redis=could not"]
    (line,) = monkey_lines("redis:0.5,app:0.5", told)
    assert line.startswith("monkey redis:0.5,app:0.5: struck 1 of 3 tests that use redis or app; ")
    assert line.endswith("; 1 touched nothing; 1 too late; 1 could not; 1 left alone")


def test_the_session_says_so_when_nobody_was_struck_and_when_a_name_is_nobodys() -> None:
    assert monkey_lines("redis:0.1", ["redis=spared"]) == [
        "monkey redis:0.1: STRUCK NOBODY of 1 test that uses redis: nothing was shown"
    ]
    assert monkey_lines("rdis:0.1", ["", ""])[1:] == ["monkey rdis:0.1: no test used anything named rdis"]
