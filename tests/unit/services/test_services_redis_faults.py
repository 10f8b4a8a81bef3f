"""A real Redis that refuses and is slow: what a client meets, what the receipt says, and that all of it ends."""

from __future__ import annotations

import time

import pytest

from pytest_resilience.errors import FaultDidNotBite, ServiceStateError, Unsupported, UsageError
from pytest_resilience.faults.fault import Fault
from pytest_resilience.services import redis_faults
from pytest_resilience.services.redis import RedisServer
from pytest_resilience.services.redis_settings import Settings, refusals, since
from pytest_resilience.services.resp import RedisRefused, Reply, RespConnection


def faults(redis: RedisServer) -> dict[str, Fault]:
    return {
        "read_only": redis.read_only(),
        "out_of_memory": redis.out_of_memory(),
        "loading": redis.loading(),
        "slowed": redis.slowed(0.02),
    }


NAMES = ["read_only", "out_of_memory", "loading", "slowed"]


def settings(redis: RedisServer) -> list[str]:
    found = redis.command("CONFIG", "GET", "*")
    assert isinstance(found, list)
    return [str(word) for word in found]


def connection(redis: RedisServer) -> RespConnection:
    return RespConnection(redis.host, redis.port)


@pytest.mark.parametrize("name", NAMES)
def test_a_fault_ends_and_leaves_keys_settings_and_connections(redis: RedisServer, name: str) -> None:
    for number in range(50):
        redis.command("SET", f"key:{number}", number)
    redis.command("SET", "short", "value", "EX", 1000)
    before = settings(redis)
    with connection(redis) as client:
        with faults(redis)[name]:
            try:
                client.command("SET", "key:1", 1)
            except RedisRefused:
                assert name != "slowed"
        assert client.command("SET", "other", 2) == "OK"
        assert client.command("GET", "key:49") == "49"
        assert 990 < int(str(client.command("TTL", "short"))) <= 1000
    assert redis.command("DBSIZE") == 52
    assert settings(redis) == before


@pytest.mark.parametrize("name", NAMES)
def test_a_fault_that_nobody_met_did_not_bite(redis: RedisServer, name: str) -> None:
    with pytest.raises(FaultDidNotBite, match=f"redis.{name} touched nothing"), faults(redis)[name]:
        pass


@pytest.mark.parametrize("name", NAMES)
def test_a_redis_that_is_down_cannot_be_made_to_refuse(redis: RedisServer, name: str) -> None:
    broken = faults(redis)[name]
    with redis.killed(), pytest.raises(ServiceStateError, match=r"not running; start\(\) it first"):
        broken.__enter__()


def test_a_fault_bears_a_crash_in_the_middle_of_it(redis: RedisServer) -> None:
    before = settings(redis)
    redis.command("SET", "key", "value")
    for broken in (
        redis.read_only(optional=True),
        redis.out_of_memory(optional=True),
        redis.slowed(0.02, optional=True),
    ):
        with broken:
            with redis.killed():
                pass
            redis.command("SET", "key", "value")
        assert settings(redis) == before


def test_a_read_only_redis_serves_reads_and_says_readonly(redis: RedisServer) -> None:
    redis.command("SET", "key", "value")
    with redis.read_only() as episode:
        for _ in range(3):
            with pytest.raises(RedisRefused, match="READONLY"):
                redis.command("SET", "key", "other")
        assert redis.command("GET", "key") == "value"
    assert episode.receipt.counts == {"writes_refused": 3}


def test_a_client_that_blocks_is_sent_away_by_a_read_only_redis(redis: RedisServer) -> None:
    with connection(redis) as client:
        client.send(b"BLPOP nothing 0\r\n")
        with redis.read_only(optional=True), pytest.raises(RedisRefused, match="UNBLOCKED"):
            client.command("PING")


def test_a_redis_out_of_memory_reads_and_deletes_and_evicts_nothing(redis: RedisServer) -> None:
    redis.command("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    redis.command("SET", "key", "value")
    with redis.out_of_memory() as episode:
        with pytest.raises(RedisRefused, match="OOM"):
            redis.command("SET", "other", "value")
        assert redis.command("GET", "key") == "value"
        assert redis.command("DEL", "key") == 1
    assert episode.receipt.counts == {"writes_refused": 1}
    assert redis.command("CONFIG", "GET", "maxmemory-policy") == ["maxmemory-policy", "allkeys-lru"]


def test_a_loading_redis_says_so_to_everybody_until_the_heal(redis: RedisServer) -> None:
    redis.command("SET", "key", "value")
    with connection(redis) as client:
        with redis.loading() as episode:
            for _ in range(30):  # not once in between is it up
                for words in (("GET", "key"), ("SET", "key", "other"), ("PING",)):
                    with pytest.raises(RedisRefused, match="LOADING"):
                        client.command(*words)
        healed = time.monotonic()
        assert client.command("GET", "key") == "value"
        assert time.monotonic() - healed < 1
    assert episode.receipt.counts == {"commands_refused": 90}


def test_a_loading_that_ended_by_itself_says_so(redis: RedisServer) -> None:
    with redis.loading(at_most=0.1) as episode:
        with pytest.raises(RedisRefused):
            redis.command("PING")
        redis._await_ready("by itself")
    assert episode.receipt.counts["commands_refused"] >= 1
    assert "by itself" in str(episode.receipt.counts["ended"])


def test_a_redis_without_a_file_has_nothing_to_load(redis: RedisServer) -> None:
    redis.command("CONFIG", "SET", "appendonly", "no")
    with pytest.raises(Unsupported, match="keeps no append-only file"):
        redis.loading().__enter__()


def test_a_slowed_redis_answers_at_the_end_of_a_turn(redis: RedisServer) -> None:
    turn = 0.05
    with connection(redis) as client, redis.slowed(turn) as episode:
        began = time.monotonic()
        for _ in range(6):
            client.command("INCR", "key")
        took = time.monotonic() - began
    assert took > 4.5 * turn  # each but the first comes at the beginning of a turn, and is answered at its end
    assert episode.receipt.counts == {"commands_delayed": 6}


@pytest.mark.parametrize("seconds", [0, 0.001, 61, float("nan")])
def test_turns_have_bounds(redis: RedisServer, seconds: float) -> None:
    with pytest.raises(UsageError, match=r"redis\.slowed\(.*\): expected seconds from 0.01 to 60"):
        redis.slowed(seconds).__enter__()


@pytest.mark.parametrize("seconds", [0, -1, 4000, float("nan")])
def test_a_loading_has_bounds(redis: RedisServer, seconds: float) -> None:
    with pytest.raises(UsageError, match=r"redis\.loading\(at_most=.*\): expected seconds"):
        redis.loading(at_most=seconds).__enter__()


def test_what_does_not_take_effect_is_undone_and_said(redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    before = settings(redis)
    monkeypatch.setattr(redis_faults, "PROBE", "x")
    monkeypatch.setattr(Settings, "change", lambda *_: None)
    with pytest.raises(FaultDidNotBite, match="answers SET x 1 PX 1, where it was to refuse it with -OOM"):
        redis.out_of_memory().__enter__()
    assert settings(redis) == before


def test_an_old_redis_shows_no_refusals() -> None:
    def ask(*words: str) -> Reply:
        return ""

    with pytest.raises(Unsupported, match=r"Redis 6\.2 and later"):
        refusals(ask, "OOM")
    with pytest.raises(Unsupported, match="has no setting"):
        Settings(lambda *_: []).change("key-load-delay", "1")


def test_a_count_that_went_back_is_that_of_a_new_process() -> None:
    assert (since(3, 5), since(5, 2), since(0, 0)) == (2, 2, 0)
