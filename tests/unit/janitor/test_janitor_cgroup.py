"""The undoing of control groups: what was in one goes on, in the one it came from."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_resilience.errors import UndoFailed, UsageError
from pytest_resilience.janitor import RemoveCgroup
from pytest_resilience.services.hierarchy import place_of
from pytest_resilience.waiting import wait_until

NAME = f"pytest-resilience-test-{os.getpid()}"


@pytest.fixture(params=["memory", "freezer"])
def made(request: pytest.FixtureRequest) -> Iterator[RemoveCgroup]:
    """A control group that was made below our own."""
    home = place_of(os.getpid(), request.param)
    if home is None or home.version == 2 or not os.access(home.folder, os.W_OK) or os.geteuid() != 0:
        pytest.skip("no control group of version 1 may be made here; run as root")
    undo = RemoveCgroup(home.folder / NAME, home.folder)
    undo.path.mkdir()
    yield undo
    undo.undo()


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-I", "-S", "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def members(path: Path) -> list[str]:
    return (path / "cgroup.procs").read_text().split()


def test_what_is_in_a_group_goes_home_and_the_group_is_gone(
    made: RemoveCgroup, sleeper: subprocess.Popen[bytes]
) -> None:
    (made.path / "cgroup.procs").write_text(str(sleeper.pid))
    assert members(made.path) == [str(sleeper.pid)]
    made.undo()
    assert not made.path.exists()
    assert str(sleeper.pid) in members(made.home)
    assert sleeper.poll() is None


@pytest.mark.parametrize("made", ["freezer"], indirect=True)
def test_what_is_frozen_in_it_goes_on(made: RemoveCgroup, sleeper: subprocess.Popen[bytes]) -> None:
    freezer = made.path / "freezer.state"
    (made.path / "cgroup.procs").write_text(str(sleeper.pid))
    freezer.write_text("FROZEN")
    wait_until(lambda: freezer.read_text().strip() == "FROZEN", within=5)
    made.undo()
    assert sleeper.stdin is not None
    sleeper.stdin.close()
    assert sleeper.wait(5) == 1  # it read the end of its input


def test_a_group_whose_home_has_gone_gives_to_the_one_above(
    made: RemoveCgroup, sleeper: subprocess.Popen[bytes]
) -> None:
    (made.path / "cgroup.procs").write_text(str(sleeper.pid))
    RemoveCgroup(made.path, made.home / "gone").undo()
    assert not made.path.exists()
    assert str(sleeper.pid) in members(made.home)


def test_a_group_that_is_not_there_has_been_removed(tmp_path: Path) -> None:
    RemoveCgroup(tmp_path / "pytest-resilience-1", tmp_path).undo()


def test_a_group_that_cannot_be_removed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_resilience.janitor.cgroup._WITHIN", 0.01)
    stuck = tmp_path / "pytest-resilience-1"
    stuck.mkdir()
    (stuck / "cgroup.procs").write_text("")
    with pytest.raises(UndoFailed, match=f"remove control group {stuck}: .*not empty.*as root"):
        RemoveCgroup(stuck, tmp_path).undo()


@pytest.mark.parametrize("path", ["/sys/fs/cgroup/memory/docker", "pytest-resilience-1", "/a/../pytest-resilience-1"])
def test_what_is_no_group_of_ours_is_not_removed(path: str) -> None:
    with pytest.raises(UsageError):
        RemoveCgroup(Path(path), Path("/sys/fs/cgroup/memory"))
