"""Control groups of version 2, as files in the place of a kernel's: where one is made, what is written and read."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_resilience.janitor import Janitor
from pytest_resilience.services import own_group
from pytest_resilience.services.group_files import CpuFiles, MemoryFiles
from pytest_resilience.services.hierarchy import Place, place_of
from pytest_resilience.services.own_group import GroupMemoryCap, NoGroup, OwnGroup


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """A tree of version 2 in which pid 70 is in user.slice/app.scope; the slice hands memory down, the scope none."""
    top = tmp_path / "sys"
    scope = top / "user.slice" / "app.scope"
    scope.mkdir(parents=True)
    for folder, handed in ((top, "cpu memory"), (top / "user.slice", "memory"), (scope, "")):
        (folder / "cgroup.procs").write_text("")
        (folder / "cgroup.subtree_control").write_text(handed)
    (top / "cgroup.controllers").write_text("cpu io memory\n")
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/70").mkdir()
    (tmp_path / "proc/self/mounts").write_text(f"cgroup2 {top} cgroup2 rw,nsdelegate 0 0\n")
    (tmp_path / "proc/70/cgroup").write_text("0::/user.slice/app.scope\n")
    return top


def place(top: Path, controller: str = "memory") -> Place | None:
    return place_of(70, controller, proc=top.parent / "proc")


def test_the_group_of_a_process_is_found_in_the_one_tree(top: Path) -> None:
    assert place(top) == Place(top / "user.slice/app.scope", top, 2)
    assert place(top, "hugetlb") is None
    assert place_of(71, "memory", proc=top.parent / "proc") is None


def test_of_two_trees_the_one_with_the_controller_counts(top: Path) -> None:
    old = top.parent / "old"
    (old / "app").mkdir(parents=True)
    (old / "app/cgroup.procs").write_text("")
    with (top.parent / "proc/self/mounts").open("a") as mounts:
        mounts.write(f"cgroup {old} cgroup rw,memory 0 0\n")
    (top.parent / "proc/70/cgroup").write_text("4:memory:/app\n0::/user.slice/app.scope\n")
    assert place(top) == Place(old / "app", old, 1)
    assert place(top, "cpu") == Place(top / "user.slice/app.scope", top, 2)


@pytest.mark.parametrize(("controller", "parent"), [("memory", "user.slice"), ("cpu", "")])
def test_it_is_made_below_the_nearest_group_that_hands_the_controller_down(
    top: Path, janitor: Janitor, monkeypatch: pytest.MonkeyPatch, controller: str, parent: str
) -> None:
    monkeypatch.setattr(own_group, "place_of", lambda _, name: place(top, name))
    group = OwnGroup(janitor, controller, (70,))
    assert (group.path.parent, group.version) == (top / parent, 2)
    group.path.rmdir()
    group.remove()


def test_where_no_group_hands_it_down_none_is_made(
    top: Path, janitor: Janitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_group, "place_of", lambda *_: Place(top / "user.slice/app.scope", top, 2))
    with pytest.raises(NoGroup, match="no group above hands the controller io down"):
        OwnGroup(janitor, "io", (70,))


def test_where_nothing_is_to_be_seen_none_is_made(janitor: Janitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_group, "place_of", lambda *_: None)
    with pytest.raises(NoGroup, match="no control group with the controller memory"):
        OwnGroup(janitor, "memory", (70,))
    with pytest.raises(NoGroup, match="no process"):
        GroupMemoryCap(janitor, (), 1000, held=1)


def test_the_files_of_memory(tmp_path: Path) -> None:
    (tmp_path / "memory.swap.max").write_text("max")
    (tmp_path / "memory.events").write_text("low 0\nhigh 0\nmax 7\noom 1\noom_kill 1\n")
    files = MemoryFiles(tmp_path, 2)
    files.limit(8192)
    assert files.read() == 8192
    assert (tmp_path / "memory.swap.max").read_text() == "0"
    assert files.met() == {"times_at_limit": 7, "oom_kills": 1}


def test_the_files_of_processor_time(tmp_path: Path) -> None:
    (tmp_path / "cpu.stat").write_text("usage_usec 5\nnr_periods 9\nnr_throttled 3\nthrottled_usec 1500000\n")
    files = CpuFiles(tmp_path, 2)
    files.limit(0.25)
    assert (tmp_path / "cpu.max").read_text() == "25000 100000"
    assert files.read() == 0.25
    assert files.met() == {"periods_throttled": 3, "seconds_throttled": 1.5}


@pytest.mark.parametrize("files", [MemoryFiles, CpuFiles])
def test_of_a_group_that_has_ended_nothing_is_known(tmp_path: Path, files: type[MemoryFiles] | type[CpuFiles]) -> None:
    assert files(tmp_path / "gone", 2).met() == {}
