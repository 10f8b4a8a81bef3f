"""Redis and Postgres on a disk of their own: empty at the same address, full when it is, and back as they were."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_resilience.errors import Unsupported, UsageError
from pytest_resilience.janitor.mounts import mounts
from pytest_resilience.services import volume
from pytest_resilience.services.pgwire import PostgresRefused
from pytest_resilience.services.postgres import PostgresServer
from pytest_resilience.services.process import ProcessBackend
from pytest_resilience.services.redis import RedisServer
from pytest_resilience.services.resp import RedisRefused
from pytest_resilience.services.volume import EnclosedTmpfs
from pytest_resilience.waiting import wait_until

KIB, MIB = 2**10, 2**20


@pytest.fixture(params=["mounted", "enclosed"], autouse=True)
def kind(request: pytest.FixtureRequest, backend: ProcessBackend, monkeypatch: pytest.MonkeyPatch) -> str:
    """How a volume is mounted: by root, and as an ordinary user has to, which root can do as well."""
    if request.param == "enclosed":
        monkeypatch.setattr(backend, "volume", lambda name, size: EnclosedTmpfs(backend.janitor, name, size))
    elif os.geteuid() != 0:
        pytest.skip("only root may make control groups and mount; run as root")
    return str(request.param)


def set_key(redis: RedisServer, key: str, size: int) -> bool:
    return redis.command("SET", key, "x" * size) == "OK"


def test_a_redis_is_moved_empty_full_and_moved_back(redis: RedisServer, backend: ProcessBackend) -> None:
    set_key(redis, "early", 1)
    url, pids = redis.url, redis._unit.pids
    redis.on_disk(4 * MIB)
    assert (redis.url, redis.command("DBSIZE")) == (url, 0)
    assert redis._unit.pids != pids
    set_key(redis, "kept", 1)
    assert redis.disk_used > 0
    with redis.capped(disk=redis.disk_used + 32 * KIB) as full:
        with pytest.raises(RedisRefused, match=r"MISCONF.*No space left on device"):
            for number in range(20):
                set_key(redis, f"key:{number}", 8 * KIB)
        assert redis.command("GET", "kept") == "x"
    assert full.receipt.counts["bytes_free_at_least"] == 0
    wait_until(lambda: set_key(redis, "after", 1), within=10, on=(RedisRefused,))
    had = redis.command("DBSIZE")
    with redis.killed():
        pass
    assert redis.command("DBSIZE") == had

    disk = redis.disk
    redis.ensure_fresh()
    assert (redis.url, redis.command("DBSIZE")) == (url, 0)
    assert not disk.exists()
    assert not mounts(backend.janitor.directory)
    with pytest.raises(UsageError, match=r"has no disk of its own; .*on_disk"):
        _ = redis.disk_used


def test_a_postgres_is_moved_empty_full_and_moved_back(postgres: PostgresServer, backend: ProcessBackend) -> None:
    postgres.query("CREATE TABLE early (id int)")
    url = postgres.url
    postgres.on_disk(256 * MIB)
    assert postgres.url == url
    assert postgres.query("SELECT count(*) FROM pg_class WHERE relname = 'early'") == [("0",)]
    postgres.query("CREATE TABLE notes (text text)")
    with postgres.capped(disk=postgres.disk_used + 256 * KIB) as full:
        with pytest.raises(PostgresRefused, match="could not extend file.*No space left on device"):
            for _ in range(40):
                postgres.query("INSERT INTO notes SELECT repeat('x', 1800) FROM generate_series(1, 10)")
        held = postgres.query("SELECT count(*) FROM notes")
    assert full.receipt.counts["bytes_free_at_least"] == 0
    postgres.query("INSERT INTO notes VALUES ('after')")
    with postgres.killed():
        pass
    assert postgres.query("SELECT count(*) - 1 FROM notes") == held

    disk = postgres.disk
    postgres.ensure_fresh()
    assert postgres.url == url
    assert postgres.query("SELECT count(*) FROM pg_class WHERE relname IN ('early', 'notes')") == [("0",)]
    assert not disk.exists()
    assert not mounts(backend.janitor.directory)


def test_what_cannot_be_moved_goes_on_where_it_is(redis: RedisServer, tmp_path: Path) -> None:
    set_key(redis, "key", 1)
    with pytest.raises(UsageError, match="redis.on_disk: size=100 is no size"):
        redis.on_disk(100)
    assert redis.command("DBSIZE") == 1
    redis.on_disk(4 * MIB)
    with pytest.raises(UsageError, match="on a disk of its own already"):
        redis.on_disk(4 * MIB)
    stranger = RedisServer(redis._unit)
    with pytest.raises(UsageError, match="only redis_server and postgres_server can be moved"):
        stranger.on_disk(4 * MIB)


def refused(*_: object) -> None:
    raise PermissionError(1, "Operation not permitted")


def test_where_none_may_be_mounted_it_is_said_what_helps(
    redis: RedisServer, backend: ProcessBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_key(redis, "key", 1)
    monkeypatch.undo()
    monkeypatch.setattr(volume, "_mount", refused)
    monkeypatch.setattr(volume, "_NAMESPACES", ("sh", "-c", "echo unshare failed; exit 1"))
    with pytest.raises(Unsupported, match=r"user namespace \(unshare failed\); allow these .*capability SYS_ADMIN"):
        redis.on_disk(4 * MIB)
    assert redis.command("DBSIZE") == 1
    monkeypatch.setattr(volume, "_NAMESPACES", ("no-such-unshare",))
    with pytest.raises(Unsupported, match="no-such-unshare"):
        redis.on_disk(4 * MIB)
    assert not [path for path in backend.janitor.directory.glob("*-disk-*") if path.is_dir()]


def test_a_root_who_may_not_mount_does_as_an_ordinary_user_does(
    redis: RedisServer, backend: ProcessBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(volume, "_mount", refused)
    redis.on_disk(4 * MIB)
    assert isinstance(redis._unit.spec.volume, EnclosedTmpfs)
    assert set_key(redis, "key", 1)
