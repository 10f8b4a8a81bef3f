"""The floor: what a hog leaves of the host, whatever it is asked for and whatever others do."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import ClassVar

import psutil
import pytest
from fake_host import GIB, FakeHost
from hog_harness import own
from hypothesis import given
from hypothesis import strategies as st

from pytest_resilience import FaultDidNotBite, Hogs, HostInDanger, Timeline, UsageError, timeline
from pytest_resilience.hogs import floor
from pytest_resilience.hogs.disk import DiskTaker
from pytest_resilience.hogs.guard import Guard
from pytest_resilience.hogs.host import Host, Room
from pytest_resilience.hogs.memory import MemoryHog, MemoryTaker
from pytest_resilience.hogs.taker import HOLDING, SHORT, TAKING, Counts
from pytest_resilience.waiting import wait_until

MIB = 1024**2
SIZES = st.integers(min_value=0, max_value=2**50)


@given(SIZES)
def test_the_floors_are_what_the_page_says(total: int) -> None:
    assert floor.memory(total) == max(total * 5 // 100, 512 * MIB)
    assert floor.disk(total) == max(total * 2 // 100, GIB)
    assert floor.vram(total) == max(total * 2 // 100, 256 * MIB)


@given(SIZES, st.floats(min_value=0.001, max_value=1))
def test_what_is_not_refused_leaves_the_floor(total: int, share: float) -> None:
    left, least = int((1 - share) * total), floor.memory(total)
    if left >= least - MIB:
        floor.refuse_beyond("hogs.memory()", left, least, total, fall_short=False)
        return
    with pytest.raises(UsageError, match="the floor that keeps this host alive"):
        floor.refuse_beyond("hogs.memory()", left, least, total, fall_short=False)
    floor.refuse_beyond("hogs.memory()", left, least, total, fall_short=True)


def test_asking_for_more_than_the_floor_leaves_names_it_and_takes_nothing(on_fake: Hogs) -> None:
    words = r"hogs.memory\(share=0.97\): would leave .* of 8 GiB, .* is 512 MiB: at most share=0.937"
    with pytest.raises(UsageError, match=words), on_fake.memory(share=0.97):
        pytest.fail("was struck")
    with pytest.raises(UsageError, match="keeps this host alive"), on_fake.memory(bytes=6 * GIB):
        pytest.fail("was struck")


def test_falling_short_is_an_error_unless_it_is_allowed_and_then_said(fake: FakeHost) -> None:
    host = Host(str(fake.root))
    report: Counts = {"bytes_taken": 3 * MIB, "why": "stopped at the floor of 512 MiB available"}
    by_bytes = MemoryHog(None, 64 * MIB, fall_short=False, optional=False, host=host)
    with pytest.raises(FaultDidNotBite, match=r"bytes=67108864\): stopped at the floor .* reached 3 MiB. Ask for less"):
        by_bytes.reached([report])
    by_share = MemoryHog(0.9, None, fall_short=True, optional=False, host=host)
    fake.memory(total=8 * GIB, left=GIB)
    said = by_share.reached([report])
    assert said["fell_short"] == "stopped at the floor of 512 MiB available: reached share 0.875"


def test_a_share_within_a_hundredth_is_reached(fake: FakeHost) -> None:
    hog = MemoryHog(0.9, None, fall_short=False, optional=False, host=Host(str(fake.root)))
    fake.memory(total=8 * GIB, left=int(8 * GIB * 0.105))
    assert "fell_short" not in hog.reached([{"bytes_taken": MIB}])
    fake.memory(total=8 * GIB, left=int(8 * GIB * 0.115))
    with pytest.raises(FaultDidNotBite, match="reached share 0.885"):
        hog.reached([{"bytes_taken": MIB}])


def taker(fake: FakeHost, **task: int) -> MemoryTaker:
    return MemoryTaker({"left": -1, "bytes": 0, "root": str(fake.root), **task})


def test_the_taker_stops_at_the_floor_and_gives_back_what_others_need(fake: FakeHost) -> None:
    hog = taker(fake, bytes=64 * MIB)
    assert hog.step() == TAKING
    assert hog.counts()["bytes_taken"] == 32 * MIB
    fake.memory(total=8 * GIB, left=512 * MIB)  # others took the rest
    while hog.step() == TAKING:
        pass
    assert hog.why == "stopped at the floor of 512 MiB available"
    assert hog.step() == SHORT
    assert hog.counts() == {"bytes_taken": 32 * MIB, "bytes_given_back": 0}
    fake.memory(total=8 * GIB, left=511 * MIB)
    hog.step()
    assert hog.counts() == {"bytes_taken": 0, "bytes_given_back": 32 * MIB}
    assert hog.release() == 0


def test_the_taker_never_takes_what_would_cross_the_floor(fake: FakeHost) -> None:
    fake.memory(total=8 * GIB, left=512 * MIB + 8 * MIB)
    hog = taker(fake, bytes=64 * MIB)
    hog.step()
    assert hog.counts()["bytes_taken"] == 8 * MIB
    hog.release()


def test_a_share_is_held_once_the_host_has_no_more_left(fake: FakeHost) -> None:
    fake.memory(total=8 * GIB, left=GIB + 5 * MIB)
    hog = taker(fake, left=GIB)
    assert hog.step() == TAKING
    assert hog.counts()["bytes_taken"] == 5 * MIB
    fake.memory(total=8 * GIB, left=GIB)
    assert hog.step() == TAKING
    assert hog.step() == HOLDING
    hog.release()


class SmallDisk(Host):
    """A host whose filesystem has what the test says."""

    rooms: ClassVar[list[Room]] = []

    def disk(self, path: str) -> Room:
        return self.rooms[-1]


def test_the_disk_taker_stops_and_gives_back_too(tmp_path: Path) -> None:
    hog = DiskTaker({"left": -1, "bytes": 40 * MIB, "place": str(tmp_path), "root": "/"})
    hog._host = SmallDisk()
    SmallDisk.rooms.append(Room(10 * GIB, GIB + 16 * MIB))
    hog.step()
    assert hog.counts()["bytes_taken"] == 16 * MIB
    SmallDisk.rooms.append(Room(10 * GIB, GIB))
    while hog.step() == TAKING:
        pass
    assert hog.why == "stopped at the floor of 1 GiB free"
    SmallDisk.rooms.append(Room(10 * GIB, GIB - 4 * MIB))
    hog.step()
    assert hog.counts() == {"bytes_taken": 12 * MIB, "bytes_given_back": 4 * MIB}
    assert hog.release() == 0
    assert not list(tmp_path.iterdir())


def test_the_guard_ends_hogs_and_scenario_when_memory_is_critical(on_fake: Hogs, fake: FakeHost) -> None:
    line = Timeline()
    before = timeline.set_current(line)
    try:
        with pytest.raises(HostInDanger, match="memory: 255 MiB left of 8 GiB, and 256 MiB is critical; hogs.memory"):
            with on_fake.memory(bytes=8 * MIB):
                [program] = own()
                fake.memory(total=8 * GIB, left=255 * MIB)
                wait_until(lambda: line.broken_off is not None, within=10)
                wait_until(lambda: program.status() == psutil.STATUS_ZOMBIE, within=10)  # it holds nothing any more
    finally:
        timeline.set_current(before)
    assert isinstance(line.broken_off, HostInDanger)


def test_the_next_hog_is_watched_anew(on_fake: Hogs, fake: FakeHost) -> None:
    fake.load(10_000)
    with pytest.raises(HostInDanger, match="load average 10000 on"), on_fake.memory(bytes=MIB):
        wait_until(lambda: on_fake._guard.danger is not None, within=10)
    fake.load(1)
    with on_fake.memory(bytes=MIB):
        pass


def test_a_host_that_cannot_be_read_is_in_danger(fake: FakeHost) -> None:
    guard = Guard(Host(str(fake.root)))
    (fake.root / "proc/loadavg").unlink()
    with pytest.raises(HostInDanger, match="cannot be watched any more: FileNotFoundError"):
        with guard.over("hogs.cpu", None):
            wait_until(lambda: guard.danger is not None, within=10)


def test_the_guard_looks_at_the_filesystem_that_is_filled() -> None:
    guard = Guard(SmallDisk())
    SmallDisk.rooms.append(Room(10 * GIB, GIB // 2 - MIB))
    assert guard.look() is None
    with pytest.raises(HostInDanger, match="/data: 511 MiB left of 10 GiB"), guard.over("hogs.disk", "/data"):
        wait_until(lambda: guard.danger is not None, within=10)


def test_a_hog_that_the_kernel_killed_is_no_quiet_heal(hogs: Hogs) -> None:
    with pytest.raises(HostInDanger, match="was killed by SIGKILL while it was in force"), hogs.memory(bytes=MIB):
        [program] = own()
        program.send_signal(signal.SIGKILL)
        wait_until(lambda: program.status() == psutil.STATUS_ZOMBIE, within=10)
