"""A fault breaks when entered, heals whatever happens, and has to bite."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fault_toys import Toy

from pytest_resilience import timeline
from pytest_resilience.errors import FaultDidNotBite, FaultInForce, UsageError
from pytest_resilience.faults.fault import Breakage, Fault, fault, together
from pytest_resilience.timeline import Receipt, Timeline


@pytest.fixture(autouse=True)
def line() -> Iterator[Timeline]:
    """A timeline of the test's own."""
    fresh = Timeline()
    before = timeline.set_current(fresh)
    yield fresh
    timeline.set_current(before)


def test_a_fault_is_inert_until_entered() -> None:
    toy = Toy()
    broken = toy.broken()
    assert toy.log == []
    assert repr(broken) == "<Fault toy.broken: inert>"


def test_the_indentation_is_the_timeline(line: Timeline) -> None:
    toy = Toy()
    with toy.broken() as episode:
        assert toy.log == ["toy broken"]
        assert episode.in_force
        assert line.in_force == [episode]
    assert toy.log == ["toy broken", "toy healed"]
    assert episode.healed is not None and episode.healed >= episode.struck
    assert line.episodes == [episode] and line.in_force == []


def test_it_heals_when_the_body_raises_and_passes_the_exception_on() -> None:
    toy = Toy()
    with pytest.raises(ZeroDivisionError), toy.broken():
        _ = 1 / 0
    assert toy.log[-1] == "toy healed"


def test_a_fault_that_touched_nothing_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(FaultDidNotBite, match=r"toy.broken touched nothing .*drive traffic .*optional=True"):
        with Toy().broken(touching=0):
            pass


def test_an_optional_fault_may_touch_nothing() -> None:
    with Toy().broken(touching=0, optional=True) as episode:
        pass
    assert not episode.in_force


def test_the_failure_of_the_body_is_better_news_than_a_fault_that_did_not_bite() -> None:
    with pytest.raises(ZeroDivisionError), Toy().broken(touching=0):
        _ = 1 / 0


def test_a_receipt_may_be_filled_in_while_healing() -> None:
    @fault
    def slow() -> Breakage:
        receipt = Receipt(delayed=0)
        yield receipt
        receipt.note(delayed=7)

    with slow() as episode:
        pass
    assert str(episode.receipt) == "delayed 7"


def test_a_count_that_there_is_none_of_is_told_the_others() -> None:
    counts = Receipt(connections_cut=1, connects_failed_on_host=2).counts
    with pytest.raises(
        KeyError, match="no 'connections_refused' was counted here, but connections_cut, connects_failed"
    ):
        _ = counts["connections_refused"]
    assert counts.get("connections_refused") is None
    assert counts == {"connections_cut": 1, "connects_failed_on_host": 2}


def test_a_fault_cannot_be_nested_in_itself() -> None:
    toy = Toy()
    with toy.broken(), pytest.raises(FaultInForce, match="toy.broken is already in force"), toy.broken():
        pass
    assert toy.log == ["toy broken", "toy healed"]


def test_a_fault_can_be_used_again_after_it_was_healed(line: Timeline) -> None:
    again = Toy().broken()
    for _ in range(2):
        with again:
            pass
    assert len(line.episodes) == 2


def test_the_same_fault_on_two_targets_is_two_faults() -> None:
    with Toy("one").broken(), Toy("two").broken():
        pass


def test_a_fault_that_fails_to_break_is_not_in_force(line: Timeline) -> None:
    @fault
    def hopeless() -> Breakage:
        raise OSError("no")
        yield Receipt()

    with pytest.raises(OSError, match="no"), hopeless():
        pass
    assert line.episodes == []


def test_a_fault_that_fails_to_heal_stays_on_the_timeline(line: Timeline) -> None:
    @fault
    def sticky() -> Breakage:
        yield Receipt(stuck=1)
        raise OSError("stuck")

    with pytest.raises(OSError, match="stuck"), sticky():
        pass
    assert [episode.name for episode in line.in_force] == ["sticky"]


@pytest.mark.parametrize("wrong", ["nothing", "twice", "no receipt"])
def test_a_generator_that_is_not_a_fault_is_named(wrong: str) -> None:
    @fault
    def odd() -> Breakage:
        if wrong == "nothing":
            return
        yield "receipt" if wrong == "no receipt" else Receipt(a=1)  # type: ignore[misc]
        if wrong == "twice":
            yield Receipt(a=1)

    with pytest.raises(UsageError, match="odd: a @fault"), odd():
        pass


def test_together_breaks_in_order_heals_in_reverse_and_adds_up(line: Timeline) -> None:
    log: list[str] = []
    with together(Toy("one", log).broken(), Toy("two", log).broken(touching=2)) as both:
        pass
    assert log == ["one broken", "two broken", "two healed", "one healed"]
    assert str(both.receipt) == "faults 2, one.broken.parts 1, two.broken.parts 2"
    assert both.name == "together(one.broken, two.broken)"
    assert line.in_force == []


def test_together_heals_the_first_when_the_second_cannot_break() -> None:
    @fault
    def hopeless() -> Breakage:
        raise OSError("no")
        yield Receipt()

    toy = Toy()
    with pytest.raises(OSError, match="no"), together(toy.broken(), hopeless()):
        pass
    assert toy.log == ["toy broken", "toy healed"]


def test_a_part_of_together_that_did_not_bite_is_named() -> None:
    log: list[str] = []
    with pytest.raises(FaultDidNotBite, match="^two.broken touched nothing"):
        with together(Toy("one", log).broken(), Toy("two", log).broken(touching=0)):
            pass
    assert log[-2:] == ["two healed", "one healed"]


def test_the_failure_of_the_body_is_better_news_in_together_too() -> None:
    with pytest.raises(ZeroDivisionError), together(Toy().broken(touching=0)):
        _ = 1 / 0


def test_together_of_nothing_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="at least one fault"):
        together()


def test_a_fault_that_was_healed_ahead_of_time_is_left_without_a_word_and_can_be_used_again() -> None:
    toy = Toy()
    broken = toy.broken()
    for _ in range(2):
        with broken as episode:
            assert episode.heal is not None
            episode.heal()
            assert not episode.in_force
            episode.heal()
    assert toy.log == ["toy broken", "toy healed"] * 2


def test_an_episode_knows_both_ends_of_the_break_and_of_the_heal() -> None:
    with Toy().broken() as episode:
        assert episode.healing is None
    assert episode.healing is not None and episode.healed is not None
    assert episode.striking <= episode.struck <= episode.healing <= episode.healed


def test_a_part_of_together_that_did_not_bite_leaves_nothing_in_force(line: Timeline) -> None:
    with pytest.raises(FaultDidNotBite), together(Toy().broken(touching=0)):
        pass
    assert line.in_force == []


def test_what_is_to_be_said_of_a_fault_is_said_once_it_is_healed() -> None:
    said: list[BaseException | None] = []

    def breakage() -> Breakage:
        yield Receipt(a=1)
        said.append(ValueError("healing"))

    judged = Fault("judged", breakage, verdict=said.append)
    with judged:
        pass
    with pytest.raises(ZeroDivisionError), judged:
        _ = 1 / 0
    assert [type(one) for one in said] == [ValueError, type(None), ValueError, ZeroDivisionError]


def test_arguments_that_are_not_there_are_refused_when_the_fault_is_made() -> None:
    with pytest.raises(TypeError, match="'strength'"):
        Toy().broken(strength=3)  # type: ignore[call-arg]
