"""The state directory and the sweep: what is trusted, and what is picked up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile

import pytest

from pytest_resilience.errors import JanitorError
from pytest_resilience.janitor import Janitor, KillGroup, RemoveDirectory
from pytest_resilience.janitor.journal import Journal
from pytest_resilience.janitor.owner import Owner
from pytest_resilience.janitor.process import lives, look, started
from pytest_resilience.janitor.state import state_directory
from pytest_resilience.janitor.sweep import sweep
from pytest_resilience.waiting import wait_until


@pytest.fixture
def dead(state, monkeypatch):
    """Write the journal of an owner that is dead and whose janitor is too."""

    def write(undo, **differing):
        state_directory(state)
        us = Owner.ourselves()
        monkeypatch.setattr(Owner, "ourselves", lambda: us._replace(**{"started": us.started - 1, **differing}))
        journal = Journal.begin(state / f"{len(list(state.iterdir()))}.journal").publish()
        monkeypatch.undo()
        journal.promise(1, undo)
        journal.close()
        return journal.path

    return write


@pytest.fixture
def mine(tmp_path):
    path = tmp_path / "mine"
    path.mkdir()
    return path


def test_the_directory_is_in_the_temporary_one_and_private(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    path = state_directory()
    assert path == tmp_path / f"pytest-resilience-{os.geteuid()}"
    assert path.stat().st_mode & 0o777 == 0o700
    assert state_directory() == path


def test_a_symbolic_link_in_its_place_is_refused(tmp_path, mine):
    (tmp_path / "link").symlink_to(mine)
    with pytest.raises(JanitorError, match="is a symbolic link"):
        Janitor.start(directory=tmp_path / "link")
    (tmp_path / "dangling").symlink_to(tmp_path / "none")
    with pytest.raises(JanitorError, match="is a symbolic link"):
        Janitor.start(directory=tmp_path / "dangling")
    assert list(mine.iterdir()) == []


def test_a_directory_that_others_may_enter_is_refused(mine):
    mine.chmod(0o755)
    with pytest.raises(JanitorError, match="chmod 700"):
        Janitor.start(directory=mine)


def test_a_file_in_its_place_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(JanitorError, match="no directory"):
        Janitor.start(directory=tmp_path / "file")


def test_a_directory_of_another_user_is_refused(mine, monkeypatch):
    mine.chmod(0o700)
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(JanitorError, match=f"belongs to user {owner}"):
        Janitor.start(directory=mine)


def test_a_place_where_nothing_can_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(JanitorError, match="set TMPDIR"):
        Janitor.start(directory=tmp_path / "file" / "state")


def test_the_next_start_undoes_what_a_killed_pair_left(owner, state):
    one = owner(
        """
child = janitor.launch(["sleep", "1000"])
os.kill(child.pid, signal.SIGSTOP)
os.kill(janitor.pid, signal.SIGKILL)
say(child.pid); rest()
"""
    )
    pid = int(one.hear()[0])
    child = look(pid)
    wait_until(lambda: not lives(one.janitor, started(one.janitor)), within=5)
    one.end(signal.SIGKILL)
    assert lives(pid, child.started)
    with Janitor.start(directory=state) as next_one:
        assert not lives(pid, child.started)
        assert not one.journal.exists()
        assert not one.directory.exists()
        assert f"kill process group {pid}" in next_one.swept[0]
        assert f"process {one.process.pid}" in next_one.swept[0]
    assert one.leftovers() == []


def test_an_owner_that_lives_is_left_alone_also_when_its_janitor_was_killed(owner, state):
    one = owner(
        """
child = janitor.launch(["sleep", "1000"])
os.kill(janitor.pid, signal.SIGKILL)
say(child.pid); rest()
"""
    )
    pid = int(one.hear()[0])
    wait_until(lambda: not lives(one.janitor, started(one.janitor)), within=5)
    with Janitor.start(directory=state) as other:
        assert other.swept == []
    assert lives(pid, started(pid))
    assert one.journal.exists()
    one.end(signal.SIGKILL)
    assert sweep(state)


def test_a_journal_with_a_living_janitor_is_left_to_it(dead, state, mine):
    path = dead(RemoveDirectory(mine))
    other = Journal.resume(path)
    assert other.try_lock()
    assert sweep(state) == []
    other.close()
    assert len(sweep(state)) == 1
    assert not mine.exists()


def test_after_a_reboot_directories_are_removed_and_pids_mean_nothing(dead, state, mine, janitor):
    child = janitor.launch(["sleep", "1000"])
    dead(RemoveDirectory(mine), boot="another")
    dead(KillGroup(child.pid, child.started), boot="another")
    sweep(state)
    assert not mine.exists()
    assert child.process.poll() is None


def test_the_journal_of_another_container_is_left_and_named(dead, state, mine):
    path = dead(RemoveDirectory(mine), namespace="pid:[1]")
    assert "another container" in sweep(state)[0]
    assert path.exists()
    assert mine.exists()


def test_an_unknown_undo_is_reported_and_its_journal_kept(dead, state, mine):
    path = dead(RemoveDirectory(mine))
    with path.open("a") as file:
        file.write('{"promise": 2, "undo": {"kind": "Untangle"}}\n')
    for _ in range(2):
        said = sweep(state)
        assert "Untangle" in said[-1]
        assert "is kept" in said[-1]
    assert not mine.exists()
    assert path.exists()


def test_a_journal_without_an_owner_is_of_one_that_died_at_once(state):
    state_directory(state)
    (state / "1.journal").write_text("")
    (state / "2.journal").write_text('{"owner": {"pid"')
    (state / "3.journal").symlink_to("nowhere")
    (state / "4.journal").write_text('{"riddle": 1}\n')
    said = sweep(state)
    assert len(said) == 3
    assert sorted(path.name for path in state.glob("*.journal")) == ["3.journal", "4.journal"]


def test_a_journal_that_is_just_being_begun_is_left_to_its_owner(state, monkeypatch):
    state_directory(state)
    write = Journal._write
    said = []

    def swept_meanwhile(journal, line):
        said.extend(sweep(state))
        write(journal, line)

    monkeypatch.setattr(Journal, "_write", swept_meanwhile)
    journal = Journal.begin(state / "1.journal").publish()
    journal.close()
    assert (state / "1.journal").exists()
    assert said == []


def test_owners_that_start_at_the_same_moment_do_not_disturb_each_other(state):
    start = f"""
from pathlib import Path
from pytest_resilience.janitor import Janitor
for _ in range(5):
    Janitor.start(directory=Path({str(state)!r})).close()
"""
    owners = [subprocess.Popen([sys.executable, "-c", start]) for _ in range(4)]
    assert [owner.wait(60) for owner in owners] == [0] * 4
    assert list(state.iterdir()) == []
