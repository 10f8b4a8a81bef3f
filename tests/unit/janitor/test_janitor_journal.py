"""The journal: what is in it after any sequence of events, and after any accident."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_resilience.errors import JanitorError
from pytest_resilience.janitor import KillGroup
from pytest_resilience.janitor.journal import Journal, read
from pytest_resilience.janitor.owner import Owner
from pytest_resilience.janitor.playback import play


@pytest.fixture
def journal(tmp_path):
    one = Journal.begin(tmp_path / "x.journal").publish()
    yield one
    one.close()


class Noted(KillGroup):
    """An undo that notes that it was done, or fails."""

    done: list[int] = []  # noqa: RUF012  (set anew by each test)

    def undo(self):
        if self.started:
            raise OSError(f"{self.pid} will not")
        self.done.append(self.pid)


@pytest.fixture
def done(monkeypatch):
    log = []
    monkeypatch.setattr(Noted, "done", log)
    return log


def test_a_new_journal_names_its_owner_and_owes_nothing(journal):
    contents = read(journal.path)
    assert contents.owner == Owner.ourselves()
    assert contents.owner.alive
    assert contents.outstanding == {}
    assert contents.unreadable == []


def test_what_is_promised_is_in_the_file_at_once(journal):
    journal.promise(1, KillGroup(10, 100))
    assert read(journal.path).outstanding == {1: KillGroup(10, 100)}


@given(st.lists(st.tuples(st.sampled_from(["promise", "kept", "failed"]), st.integers(0, 5))))
def test_outstanding_is_what_was_promised_and_not_kept(tmp_path_factory, events):
    journal = Journal.begin(tmp_path_factory.mktemp("journal") / "x.journal").publish()
    expected = {}
    for what, number in events:
        if what == "promise":
            journal.promise(number, KillGroup(number, 1))
            expected[number] = KillGroup(number, 1)
        elif what == "kept":
            journal.kept(number)
            expected.pop(number, None)
        else:
            journal.failed(number, "why not")
    journal.close()
    assert read(journal.path).outstanding == expected


def test_a_torn_last_line_was_no_promise(journal):
    journal.promise(1, KillGroup(10, 100))
    whole = journal.path.read_bytes()
    for cut in range(2, len(whole.splitlines()[-1]) + 1):
        journal.path.write_bytes(whole[:-cut])
        contents = read(journal.path)
        assert contents.outstanding == {}
        assert contents.unreadable == []


def test_a_resumed_journal_does_not_write_on_at_a_torn_line(journal):
    journal.promise(1, KillGroup(10, 100))
    with journal.path.open("ab") as file:
        file.write(b'{"promise": 2, "un')
    again = Journal.resume(journal.path)
    again.promise(3, KillGroup(30, 300))
    again.close()
    contents = read(journal.path)
    assert contents.outstanding == {1: KillGroup(10, 100), 3: KillGroup(30, 300)}
    assert contents.unreadable == []


def test_an_undo_of_another_version_is_reported_and_the_rest_is_read(journal):
    with journal.path.open("ab") as file:
        file.write(b'{"promise": 1, "undo": {"kind": "Untangle", "knot": 7}}\n{"riddle": 1}\n')
    journal.promise(2, KillGroup(10, 100))
    contents = read(journal.path)
    assert contents.outstanding == {2: KillGroup(10, 100)}
    assert len(contents.unreadable) == 2
    assert "Untangle" in contents.unreadable[0]


def test_two_owners_cannot_begin_one_journal(journal):
    with pytest.raises(FileExistsError):
        Journal.begin(journal.path).publish()


def test_a_full_disk_is_an_error_and_not_a_promise():
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("there is no /dev/full here")
    journal = Journal.resume(full)
    with pytest.raises(OSError, match="No space left"):
        journal.promise(1, KillGroup(10, 100))
    journal.close()


def test_a_line_cut_short_is_an_error_and_the_next_line_is_whole(journal, monkeypatch):
    from pytest_resilience.janitor import journal as module

    write = module.os.write
    monkeypatch.setattr(module.os, "write", lambda fd, data: write(fd, data[:20]))
    with pytest.raises(JanitorError, match="disk full"):
        journal.promise(1, KillGroup(10, 100))
    monkeypatch.undo()
    journal.promise(2, KillGroup(20, 200))
    assert read(journal.path).outstanding == {2: KillGroup(20, 200)}


def test_the_newest_promise_is_undone_first(journal, done):
    play({1: Noted(1, 0), 3: Noted(3, 0), 2: Noted(2, 0)}, journal)
    assert done == [3, 2, 1]


def test_one_undo_that_fails_does_not_stop_the_others_and_stays_outstanding(journal, done):
    for number in (1, 2, 3):
        journal.promise(number, KillGroup(number, 0))
    played = play({1: Noted(1, 0), 2: Noted(2, 1), 3: Noted(3, 0)}, journal)
    assert done == [3, 1]
    assert played.undone == ["kill process group 3", "kill process group 1"]
    assert "2 will not" in played.failed[0]
    assert list(read(journal.path).outstanding) == [2]
    assert any("2 will not" in json.loads(line).get("why", "") for line in journal.path.read_text().splitlines())
