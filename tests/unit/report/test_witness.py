"""A witness reads what services use, keeps within bounds, and is no part of the test."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from pytest_resilience.errors import ServiceStateError
from pytest_resilience.report.witness import MOST, Witness
from pytest_resilience.waiting import wait_until


@dataclass
class Usage:
    cpu_seconds: float
    rss: int = 1000
    descriptors: int | None = 7
    threads: int | None = None
    processes: int = 1


class Toy:
    """Uses half a core, by a clock that each reading moves on by a second."""

    def __init__(self) -> None:
        self.now = 100.0
        self.cpu = 50.0
        self.error: Exception | None = None

    def clock(self) -> float:
        return self.now

    def logs(self) -> str:
        return ""

    def usage(self) -> Usage:
        self.now += 1
        if self.error is not None:
            raise self.error
        self.cpu += 0.5
        return Usage(self.cpu)


@dataclass
class Room:
    toy: Toy = field(default_factory=Toy)
    notes: list[str] = field(default_factory=list)

    def witness(self) -> Witness:
        return Witness({"toy": self.toy}, origin=100.0, note=self.notes.append, clock=self.toy.clock)


@pytest.fixture
def room() -> Room:
    return Room()


def test_it_reads_what_each_service_uses_in_seconds_of_the_timeline(room: Room) -> None:
    witness = room.witness()
    witness.look()
    witness.look()
    (used,) = witness.used
    assert used.name == "toy"
    first, second = used.uses
    assert (first.at, first.memory, first.cpu, first.descriptors, first.threads) == (1, 1000, None, 7, None)
    assert (second.at, second.cpu) == (2, pytest.approx(0.5))


def test_a_service_that_is_down_leaves_a_gap_and_counts_from_zero_after_it(room: Room) -> None:
    witness = room.witness()
    witness.look()
    room.toy.error = ServiceStateError("it is not running")
    witness.look()
    room.toy.error, room.toy.cpu = None, 0.0
    witness.look()
    witness.look()
    (used,) = witness.used
    assert [use.memory for use in used.uses] == [1000, None, 1000, 1000]
    assert [use.cpu for use in used.uses] == [None, None, None, pytest.approx(0.5)]
    assert not room.notes


def test_one_that_was_started_again_unseen_counts_from_zero(room: Room) -> None:
    witness = room.witness()
    witness.look()
    room.toy.cpu = 0.0
    witness.look()
    assert witness.used[0].uses[1].cpu == pytest.approx(0.5)


def test_what_cannot_be_read_is_said_once_and_let_be(room: Room) -> None:
    witness = room.witness()
    room.toy.error = PermissionError("no")
    witness.look()
    witness.look()
    assert room.notes == ["what toy used was not read any more: PermissionError('no')"]
    assert not witness.used


def test_it_keeps_a_bounded_number_of_readings_of_the_whole_time(room: Room) -> None:
    witness = room.witness()
    for _ in range(10 * MOST):
        witness.look()
    (used,) = witness.used
    assert MOST / 3 < len(used.uses) <= MOST
    assert used.uses[0].at == 1
    assert used.uses[-1].at > 10 * MOST - 20


def test_it_looks_from_a_thread_of_its_own_until_it_is_to_end() -> None:
    toy, notes = Toy(), list[str]()
    witness = Witness({"toy": toy}, origin=0.0, note=notes.append)
    witness.begin()
    wait_until(lambda: witness.used, within=10, what="it has looked")
    witness.end()
    seen = toy.cpu
    assert seen > 50
    assert toy.cpu == seen
    assert not notes
