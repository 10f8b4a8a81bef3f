"""The beginning of a janitor: whoever dies in the middle of it leaves nothing that nobody looks after."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_resilience.janitor import Janitor
from pytest_resilience.janitor.journal import Journal, read
from pytest_resilience.janitor.nameless import give_name, open_nameless
from pytest_resilience.waiting import wait_until

DIES = """
import os, signal, sys
from pathlib import Path
from pytest_resilience.janitor import Janitor
from pytest_resilience.janitor import keeper

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

{where} = die
Janitor.start(directory=Path(sys.argv[1]))
"""


@pytest.mark.parametrize("where", ["keeper.subprocess.Popen", "keeper.give_name", "keeper.Journal.publish"])
def test_an_owner_that_dies_while_it_starts_its_janitor_leaves_nothing(tmp_path: Path, where: str) -> None:
    state = tmp_path / "state"
    died = subprocess.run([sys.executable, "-c", DIES.format(where=where), str(state)], timeout=30, check=False)
    assert died.returncode == -signal.SIGKILL
    wait_until(lambda: not list(state.iterdir()), within=3, what="nothing is left")


def test_a_journal_is_not_found_before_it_is_published(tmp_path: Path) -> None:
    journal = Journal.begin(tmp_path / "x.journal")
    assert not list(tmp_path.iterdir())
    journal.publish()
    assert [*tmp_path.iterdir()] == [journal.path]
    journal.kept(1)
    assert read(journal.path).owner is not None
    assert journal.path.stat().st_mode & 0o777 == 0o600
    journal.close()


@pytest.mark.parametrize("unable", [errno.EOPNOTSUPP, errno.EISDIR])
def test_where_files_have_to_have_a_name_they_have_it_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unable: int
) -> None:
    def refusing(path: str | Path, flags: int, *rest: int, **names: int) -> int:
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(unable, os.strerror(unable))
        return really(path, flags, *rest, **names)

    really = os.open
    monkeypatch.setattr("pytest_resilience.janitor.nameless.os.open", refusing)
    descriptor = open_nameless(tmp_path / "one")
    assert [*tmp_path.iterdir()] == [tmp_path / "one"]
    give_name(descriptor, tmp_path / "one")
    os.close(descriptor)
    with pytest.raises(FileExistsError):
        open_nameless(tmp_path / "one")
    with Janitor.start(directory=tmp_path / "state") as janitor:
        assert (tmp_path / "state" / f"{janitor.token}.journal").exists()
    assert not list((tmp_path / "state").iterdir())


def test_a_folder_that_cannot_be_written_to_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_nameless(tmp_path / "gone" / "x")
