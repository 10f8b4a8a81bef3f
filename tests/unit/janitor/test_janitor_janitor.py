"""The janitor as its owner sees it: promises, the order of undoing, the end."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from pytest_resilience.errors import JanitorError
from pytest_resilience.janitor import Janitor, KillMarked, RemoveDirectory
from pytest_resilience.janitor.journal import read
from pytest_resilience.janitor.process import look
from pytest_resilience.waiting import wait_until


@pytest.fixture
def place(tmp_path):
    def make(name):
        path = tmp_path / name
        path.mkdir()
        return path

    return make


def test_a_promise_is_in_the_journal_before_it_returns(janitor, state, place):
    promise = janitor.promise(RemoveDirectory(place("mine")))
    assert promise.undo in read(state / f"{janitor.token}.journal").outstanding.values()


def test_closing_undoes_what_is_outstanding_and_says_so(janitor, state, place):
    mine = place("mine")
    janitor.promise(RemoveDirectory(mine))
    assert janitor.close() == [f"remove directory {mine}"]
    assert not mine.exists()
    assert list(state.iterdir()) == []


def test_what_is_kept_is_not_undone(janitor, place):
    mine = place("mine")
    promise = janitor.promise(RemoveDirectory(mine))
    assert promise.outstanding
    promise.kept()
    promise.kept()
    assert not promise.outstanding
    assert janitor.close() == []
    assert mine.exists()


def test_the_newest_is_undone_first(janitor, place):
    outer = place("outer")
    inner = outer / "inner"
    inner.mkdir()
    janitor.promise(RemoveDirectory(outer))
    janitor.promise(RemoveDirectory(inner))
    assert janitor.close() == [f"remove directory {inner}", f"remove directory {outer}"]


def test_closing_ends_the_janitor_process_and_may_be_done_again(janitor):
    pid = janitor.pid
    assert janitor.close() == []
    assert look(pid) is None
    assert janitor.close() == []


def test_a_closed_janitor_takes_no_promise(janitor):
    janitor.close()
    with pytest.raises(JanitorError, match="closed"):
        janitor.promise(KillMarked("x"))
    with pytest.raises(JanitorError, match="closed"):
        janitor.launch(["true"])


def test_what_cannot_be_undone_is_said_and_tried_again_by_the_next_start(state, place):
    mine = place("mine")
    path = mine / "file"
    path.write_text("not a directory")
    first = Janitor.start(directory=state)
    first.promise(RemoveDirectory(path))
    said = first.close()
    assert said[0] == f"remove directory {path}"
    assert "no directory any more" in said[1]
    assert next(state.glob("*.journal")).read_text().count('"failed"') == 1  # the janitor process leaves it too
    path.unlink()
    # Its owner, this process, is alive: to the sweep it has to look as if it were not.
    journal = next(state.glob("*.journal"))
    text = journal.read_text()
    started = look(os.getpid()).started
    journal.write_text(text.replace(f'"started": {started}', f'"started": {started - 1}'))
    with Janitor.start(directory=state) as second:
        assert len(second.swept) == 1
        assert f"remove directory {path}" in second.swept[0]
        assert not journal.exists()


def test_the_scratch_directory_is_private_and_the_run_has_a_name_of_its_own(janitor, state):
    assert janitor.directory.stat().st_mode & 0o777 == 0o700
    assert janitor.token in str(janitor.directory)
    assert janitor.label == ("pytest-resilience.run", janitor.token)
    with Janitor.start(directory=state) as other:
        assert other.token != janitor.token


def test_promises_from_many_threads_are_all_kept(janitor, state, tmp_path):
    def promise(name):
        for index in range(50):
            janitor.promise(RemoveDirectory(tmp_path / f"{name}-{index}"))

    threads = [threading.Thread(target=promise, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(read(state / f"{janitor.token}.journal").outstanding) == 2 + 200
    assert len(janitor.close()) == 200


def test_a_process_may_have_several_janitors(janitor, state, place):
    mine = place("mine")
    janitor.promise(RemoveDirectory(mine))
    with Janitor.start(directory=state) as other:
        assert other.swept == []
    assert mine.exists()


def test_a_start_that_fails_leaves_no_janitor(state, monkeypatch):
    pids = []
    mkdir = Path.mkdir

    def fail(path, *args, **kwargs):
        if path.parent == state:
            raise PermissionError(13, "no", str(path))
        mkdir(path, *args, **kwargs)

    started = Janitor.promise
    monkeypatch.setattr(Janitor, "promise", lambda self, undo: (pids.append(self.pid), started(self, undo))[1])
    monkeypatch.setattr(Path, "mkdir", fail)
    with pytest.raises(PermissionError):
        Janitor.start(directory=state)
    wait_until(lambda: look(pids[0]) is None, within=5)
    assert list(state.iterdir()) == []
