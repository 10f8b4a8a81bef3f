"""The monkey strikes what it is given, as the seed draws it, and leaves nothing struck."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import islice

import pytest
from fault_toys import Toy

from pytest_resilience import Breakage, Fault, Monkey, Receipt, fault, timeline, wait_until
from pytest_resilience.errors import FaultDidNotBite, UsageError
from pytest_resilience.faults.monkey import Prank, pranks
from pytest_resilience.timeline import Timeline

QUICK = (0.001, 0.003)


@pytest.fixture(autouse=True)
def line() -> Iterator[Timeline]:
    """A timeline of the test's own."""
    fresh = Timeline()
    before = timeline.set_current(fresh)
    yield fresh
    timeline.set_current(before)


@pytest.fixture
def monkey() -> Monkey:
    return Monkey(7)


def drawn(seed: int, count: int = 12) -> list[Prank]:
    return list(islice(pranks(seed, 3, gap=(0.5, 2), lasting=(0.2, 1)), count))


def test_the_same_seed_makes_the_same_choices() -> None:
    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


def test_what_it_draws_keeps_to_its_bounds_and_deals_each_fault_before_any_again() -> None:
    plan = drawn(3, 300)
    assert all(0.5 <= prank.gap <= 2 and 0.2 <= prank.lasting <= 1 for prank in plan)
    rounds = [{prank.which for prank in plan[at : at + 3]} for at in range(0, 300, 3)]
    assert rounds == [{0, 1, 2}] * 100
    assert len({tuple(prank.which for prank in plan[at : at + 3]) for at in range(0, 300, 3)}) == 6


def test_it_strikes_while_the_body_runs_and_heals_all(monkey: Monkey, line: Timeline) -> None:
    log: list[str] = []
    with monkey(Toy("one", log).broken, Toy("two", log).broken(), gap=QUICK, lasting=QUICK) as mischief:
        wait_until(lambda: len(log) > 8, within=10)
        assert mischief.in_force
    assert not line.in_force
    assert [word.replace("broken", "healed") for word in log[::2]] == log[1::2]  # one at a time, each healed
    counts = mischief.receipt.counts
    strikes = [episode for episode in line.episodes if episode is not mischief]
    assert counts["strikes"] == len(strikes) == len(log) / 2
    for name in ("one.broken", "two.broken"):
        assert counts[name] == sum(episode.name == name for episode in strikes) > 1
    assert mischief.name == "monkey(one.broken, two.broken)"


def test_the_same_monkey_strikes_the_same_in_the_same_order(line: Timeline) -> None:
    orders = []
    for _ in range(2):
        log: list[str] = []
        toys = [Toy(name, log).broken for name in "abcd"]
        with Monkey(11)(*toys, gap=QUICK, lasting=QUICK):
            wait_until(lambda: len(log) >= 16, within=10)  # noqa: B023
        orders.append(log[:16])
    assert orders[0] == orders[1]


def test_two_monkeys_of_a_test_choose_differently_unless_the_seed_is_given(monkey: Monkey) -> None:
    def choices(made: Fault, log: list[str]) -> list[str]:
        log.clear()
        with made:
            wait_until(lambda: len(log) >= 32, within=10)
        return log[:32]

    log: list[str] = []
    toys = [Toy(name, log).broken for name in "abcd"]
    first, second = (choices(monkey(*toys, gap=QUICK, lasting=QUICK), log) for _ in range(2))
    assert first != second
    third, fourth = (choices(monkey(*toys, gap=QUICK, lasting=QUICK, seed=5), log) for _ in range(2))
    assert third == fourth


def test_the_end_of_the_body_heals_at_once_and_leaves_no_thread(monkey: Monkey, line: Timeline) -> None:
    toy = Toy()
    with monkey(toy.broken, gap=0.001, lasting=3600) as mischief:
        wait_until(lambda: toy.log, within=10)
    assert toy.log == ["toy broken", "toy healed"]
    assert mischief.receipt.counts["strikes"] == 1
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("monkey")]


def test_it_heals_when_the_body_raises_and_says_nothing_of_its_own(monkey: Monkey, line: Timeline) -> None:
    with pytest.raises(ZeroDivisionError), monkey(Toy().broken, gap=3600):
        _ = 1 / 0
    assert not line.in_force


def test_a_body_that_ends_before_the_first_strike_has_shown_nothing(monkey: Monkey, line: Timeline) -> None:
    with pytest.raises(FaultDidNotBite, match=r"^monkey\(toy.broken\): struck nothing: let the body last longer"):
        with monkey(Toy().broken, gap=3600):
            pass
    assert not line.in_force
    with monkey(Toy().broken, gap=3600, optional=True):
        pass


def test_a_fault_that_never_touches_anything_is_named(monkey: Monkey, line: Timeline) -> None:
    idle, real = Toy("idle"), Toy("real")
    with pytest.raises(
        FaultDidNotBite, match=r"monkey.*: idle\.broken touched nothing in \d+ strikes, .*drive traffic"
    ):
        with monkey(lambda: idle.broken(touching=0), real.broken, gap=QUICK, lasting=QUICK):
            wait_until(lambda: len(idle.log) > 4, within=10)
    assert not line.in_force


def test_a_strike_that_touches_nothing_now_and_then_is_no_error(monkey: Monkey) -> None:
    struck: list[int] = []

    @fault
    def flaky() -> Breakage:
        struck.append(1)
        yield Receipt(touched=len(struck) % 2)

    with monkey(flaky, gap=QUICK, lasting=QUICK) as mischief:
        wait_until(lambda: len(struck) > 5, within=10)
    assert mischief.receipt.counts["flaky"] in (len(struck) // 2, (len(struck) + 1) // 2)


def test_a_strike_that_was_cut_short_shows_nothing_either_way(monkey: Monkey) -> None:
    toy = Toy()
    with pytest.raises(FaultDidNotBite, match="struck nothing but what the end of the body cut short"):
        with monkey(lambda: toy.broken(touching=0), gap=0.001, lasting=3600):
            wait_until(lambda: toy.log, within=10)


def test_faults_that_are_optional_may_touch_nothing(monkey: Monkey) -> None:
    toy = Toy()
    with monkey(lambda: toy.broken(touching=0, optional=True), gap=QUICK, lasting=QUICK):
        wait_until(lambda: len(toy.log) > 2, within=10)


@pytest.mark.parametrize("when", ["break", "heal"])
def test_an_error_in_a_strike_surfaces(monkey: Monkey, when: str) -> None:
    reached = threading.Event()

    @fault
    def rotten() -> Breakage:
        if when == "break":
            reached.set()
            raise OSError("break")
        yield Receipt(a=1)
        reached.set()
        raise OSError("heal")

    with pytest.raises(OSError, match=when), monkey(rotten, gap=QUICK, lasting=QUICK):
        assert reached.wait(10)


async def entered(mischief: Fault, toy: Toy) -> None:
    async with mischief:
        wait_until(lambda: toy.log, within=10)


def test_it_works_under_async_with(monkey: Monkey) -> None:
    import asyncio

    toy = Toy()
    asyncio.run(entered(monkey(toy.broken, gap=QUICK, lasting=QUICK), toy))
    assert toy.log[-1] == "toy healed"


@pytest.mark.parametrize(
    ("faults", "options", "message"),
    [
        ((), {}, "at least one fault"),
        ((Toy().broken,), {"gap": (2, 1)}, r"gap=\(2, 1\) must be seconds above 0"),
        ((Toy().broken,), {"gap": -1}, "gap=-1 must be seconds"),
        ((Toy().broken,), {"lasting": 0}, "lasting=0 must be seconds above 0"),
        ((Toy().broken,), {"lasting": (0.1, float("inf"))}, "lasting=.* must be seconds"),
        ((Toy().broken,), {"lasting": "long"}, "lasting='long' must be seconds"),
        ((lambda target: target,), {}, "cannot be called without arguments .*pass the fault itself"),
        ((dict,), {}, "gives {}, not a fault"),
        ((Toy(),), {}, "Toy.* cannot be called without arguments"),
    ],
)
def test_what_cannot_be_meant_is_refused_at_once(
    monkey: Monkey, faults: tuple[object, ...], options: dict[str, object], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        monkey(*faults, **options)  # type: ignore[arg-type]
