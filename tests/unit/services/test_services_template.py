"""Templates of data directories: made once, kept, and whole or not there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_resilience.errors import BackendUnavailable, UsageError
from pytest_resilience.janitor.state import state_directory
from pytest_resilience.services.guise import PLAIN
from pytest_resilience.services.programs import Program
from pytest_resilience.services.template import cache_directory, template

PROGRAM = Program(Path("/opt/postgres/bin/postgres"), "16.14", "option")


class Builder:
    """Stands in for initdb and postgres: makes what they would, or fails at the n-th command."""

    def __init__(self, cache: Path, *, fails_at: int = 0, creates: bool = True) -> None:
        self.cache, self.fails_at, self.creates = cache, fails_at, creates
        self.commands: list[tuple[str, ...]] = []

    def __call__(self, command: tuple[str, ...], output: Path) -> int:
        self.commands.append(command)
        output.write_text("what initdb says")
        if len(self.commands) == self.fails_at:
            return 1
        (data,) = self.cache.glob("*.building/data")
        (data / "PG_VERSION").write_text("16")
        for oid in (1, 4, 5) if len(self.commands) == 1 or not self.creates else (16384,):
            (data / "base" / str(oid)).mkdir(parents=True, exist_ok=True)
        return 0


def test_a_template_is_built_once_and_then_kept(tmp_path: Path) -> None:
    build = Builder(tmp_path)
    made = template(PROGRAM, PLAIN, build, tmp_path)
    assert (made / "PG_VERSION").exists()
    assert len(build.commands) == 2
    assert template(PROGRAM, PLAIN, build, tmp_path) == made
    assert len(build.commands) == 2


def test_versions_do_not_share_a_template(tmp_path: Path) -> None:
    first = template(PROGRAM, PLAIN, Builder(tmp_path), tmp_path)
    other = Program(PROGRAM.path, "18.4", "option")
    assert template(other, PLAIN, Builder(tmp_path), tmp_path) != first


@pytest.mark.parametrize("fails_at", [1, 2])
def test_a_failed_build_leaves_no_template_and_says_why(tmp_path: Path, fails_at: int) -> None:
    with pytest.raises(BackendUnavailable, match="ended with 1:\nwhat initdb says"):
        template(PROGRAM, PLAIN, Builder(tmp_path, fails_at=fails_at), tmp_path)
    assert template(PROGRAM, PLAIN, Builder(tmp_path), tmp_path).exists()


def test_a_database_that_was_not_created_is_a_failed_build(tmp_path: Path) -> None:
    with pytest.raises(BackendUnavailable, match="did not create the database test"):
        template(PROGRAM, PLAIN, Builder(tmp_path, creates=False), tmp_path)


def test_what_a_killed_builder_left_is_in_nobodys_way(tmp_path: Path) -> None:
    class Killed(BaseException):
        pass

    def killed(command: tuple[str, ...], output: Path) -> int:
        (tmp_path / next(tmp_path.glob("*.building")).name / "data" / "half").touch()
        raise Killed

    with pytest.raises(Killed):
        template(PROGRAM, PLAIN, killed, tmp_path)
    made = template(PROGRAM, PLAIN, Builder(tmp_path), tmp_path)
    assert not (made / "half").exists()
    assert list(tmp_path.glob("*.building")) == []


def test_the_cache_is_the_users_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_directory() == tmp_path / "pytest-resilience"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_directory() == Path.home() / ".cache" / "pytest-resilience"


def test_a_cache_that_cannot_be_made_says_what_to_set(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="set XDG_CACHE_HOME"):
        template(PROGRAM, PLAIN, Builder(tmp_path), tmp_path / "file" / "cache")


def test_a_user_without_a_home_has_the_cache_beside_the_journals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", "/proc/nobody")  # where not even root can make a directory
    monkeypatch.setattr(os, "access", lambda path, _mode: Path("/proc") not in (path, *path.parents))
    assert cache_directory() == state_directory() / "templates"
