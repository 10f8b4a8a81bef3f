"""A real Redis, embedded: fresh for each test, broken and brought back."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_resilience.errors import FaultDidNotBite, ServiceNotReady, ServiceStateError
from pytest_resilience.services.redis import RedisServer, container_spec, process_spec
from pytest_resilience.services.resp import RedisRefused


def test_a_redis_answers_at_its_url(redis: RedisServer) -> None:
    assert redis.url == f"redis://127.0.0.1:{redis.port}/0"
    assert redis.command("SET", "key", 1) == "OK"
    assert redis.command("INCRBY", "key", 2) == 3
    assert redis.command("GET", "key") == "3"
    assert redis.command("GET", "missing") is None
    assert redis.command("MGET", "key", "missing") == ["3", None]


def test_what_redis_refuses_is_raised(redis: RedisServer) -> None:
    with pytest.raises(RedisRefused, match="NONSENSE: ERR unknown command"):
        redis.command("NONSENSE")


def test_nothing_that_was_acknowledged_is_lost_in_a_crash(redis: RedisServer) -> None:
    for number in range(100):
        redis.command("SET", f"key:{number}", number)
    with redis.killed() as outage:
        with pytest.raises(ConnectionRefusedError):
            redis.command("PING")
    assert redis.command("DBSIZE") == 100
    assert outage.receipt.counts["processes_killed"] == 1


def test_a_graceful_stop_is_graceful(redis: RedisServer) -> None:
    redis.command("SET", "key", "value")
    with redis.stopped() as outage:
        assert not redis.running
    assert outage.receipt.counts["ended"] == "by itself"
    assert redis.command("GET", "key") == "value"


def test_a_paused_redis_accepts_and_does_not_answer(redis: RedisServer) -> None:
    with redis.paused() as hang:
        with pytest.raises(TimeoutError):
            redis.command("PING", timeout=0.05)
    assert redis.command("PING") == "PONG"
    assert hang.receipt.counts == {"processes_frozen": 1}


def test_a_flush_takes_the_keys_of_all_databases(redis: RedisServer) -> None:
    redis.command("SET", "key", "value")
    redis.command("MOVE", "key", 3)
    redis.command("SET", "other", "value")
    with redis.flushed() as loss:
        assert redis.command("DBSIZE") == 0
    assert loss.receipt.counts == {"keys_flushed": 2}


def test_a_flush_of_nothing_did_not_bite(redis: RedisServer) -> None:
    with pytest.raises(FaultDidNotBite, match=r"redis\.flushed touched nothing"), redis.flushed():
        pass
    with redis.flushed(optional=True):
        pass


def test_a_redis_that_is_down_cannot_be_flushed(redis: RedisServer) -> None:
    with redis.killed(), pytest.raises(ServiceStateError, match="not running"):
        redis.flushed().__enter__()


def test_a_fresh_redis_is_empty_and_has_the_settings_it_started_with(redis: RedisServer) -> None:
    redis.command("SET", "key", "value")
    redis.command("CONFIG", "SET", "maxmemory", "10mb")
    redis.ensure_fresh()
    assert redis.command("DBSIZE") == 0
    assert redis.command("CONFIG", "GET", "maxmemory") == ["maxmemory", "0"]


def test_a_fresh_redis_is_up_and_empty_after_it_was_left_down(redis: RedisServer) -> None:
    redis.command("SET", "key", "value")
    redis.killed().__enter__()
    redis.ensure_fresh()
    assert redis.command("DBSIZE") == 0


def test_a_fresh_redis_goes_on_after_it_was_left_paused(redis: RedisServer) -> None:
    redis.paused().__enter__()
    redis.ensure_fresh()
    assert redis.command("PING") == "PONG"


def test_a_redis_that_was_made_a_replica_is_fresh_again(redis: RedisServer) -> None:
    redis.command("REPLICAOF", "127.0.0.1", 1)
    redis.ensure_fresh()
    assert redis.command("SET", "key", "value") == "OK"


def test_a_redis_that_cannot_start_shows_its_log(redis: RedisServer) -> None:
    aof = redis._unit.spec.directory / "appendonly.aof"
    redis.command("SET", "key", "value")
    redis._unit.kill()
    whole = aof.read_bytes() if aof.exists() else b""
    if not whole:
        pytest.skip("this Redis keeps its append-only file elsewhere")
    aof.write_bytes(b"garbage\r\n" + whole)
    try:
        with pytest.raises(ServiceNotReady, match="exit status 1(.|\n)*Bad file format"):
            redis.start()
    finally:
        aof.write_bytes(whole)


def test_in_a_container_options_alone_follow_the_image() -> None:
    spec = container_spec("redis:7-alpine", port=7000)
    assert (spec.port, spec.container_port, spec.image) == (7000, 6379, "redis:7-alpine")
    assert spec.command[0].startswith("--")
    assert "--appendonly" in spec.command


@pytest.mark.parametrize(
    ("image", "told"),
    [("redis:7-alpine", True), ("docker.io/library/redis:8.0", True), ("redis:6.2", False), ("mine/redis:7", False)],
)
def test_a_redis_is_let_be_debugged_where_it_has_to_be_told(image: str, told: bool) -> None:
    assert ("--enable-debug-command" in container_spec(image, port=7000).command) is told


def test_an_embedded_redis_is_let_be_debugged_where_it_has_to_be_told(tmp_path: Path) -> None:
    def command(version: str) -> tuple[str, ...]:
        return process_spec(Path("redis-server"), port=7000, home=tmp_path, version=version).command

    assert "--enable-debug-command" in command("7.0.15")
    assert "--enable-debug-command" not in command("6.2.14")
    assert "--enable-debug-command" not in command("")
