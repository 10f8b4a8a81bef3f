"""A Redis primary and its replica, with a sentinel and without one: who follows whom, and what cannot be meant."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
from cluster_makers import redis_cluster

from pytest_resilience.errors import ServiceStateError, UsageError
from pytest_resilience.services.process import ProcessBackend
from pytest_resilience.services.redis_cluster import RedisCluster
from pytest_resilience.services.resp import RedisRefused
from pytest_resilience.waiting import wait_until

Make = Callable[..., RedisCluster]


@pytest.fixture
def make(backend: ProcessBackend) -> Iterator[Make]:
    with ExitStack() as ends:
        yield partial(redis_cluster, backend, ends)


@pytest.fixture
def cluster(make: Make) -> RedisCluster:
    return make()


@pytest.mark.parametrize("name", ["with a space", 'with a "quote"', "with a \\ backslash"])
def test_the_folder_may_be_called_anything(
    make: Make, backend: ProcessBackend, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    monkeypatch.setattr(backend, "place", lambda kind: Path(tempfile.mkdtemp(prefix=f"{name} {kind}", dir=tmp_path)))
    cluster = make()
    (_, folder) = cluster.primary.command("CONFIG", "GET", "dir")
    assert folder.startswith(f"{tmp_path}/{name} redis")


def test_the_replica_has_what_the_primary_was_told(cluster: RedisCluster) -> None:
    cluster.primary.command("SET", "key", "value")
    wait_until(lambda: cluster.standby.command("GET", "key") == "value", within=10)
    assert cluster._front.to is cluster.primary
    with pytest.raises(RedisRefused, match="READONLY"):
        cluster.standby.command("SET", "key", "other")


@pytest.mark.parametrize("sentinel", [False, True])
def test_a_failover_leaves_a_whole_cluster_with_places_changed(make: Make, sentinel: bool) -> None:
    cluster = make(sentinel=sentinel)
    for turn in range(2):
        old, new = cluster.primary, cluster.standby
        old.command("SET", f"early-{turn}", 1)
        wait_until(lambda: cluster.lag == 0, within=10)
        with cluster.failed_over() as outage:
            assert (cluster.primary, cluster.standby) == (new, old)
            assert cluster._front.to is new and not old.running
            new.command("SET", f"late-{turn}", 1)
        counts = outage.receipt.counts
        assert counts["processes_killed"] == 1 and counts["bytes_lost"] == 0
        assert 0 < float(counts["seconds_until_writes"]) < 30
        wait_until(lambda node=old, keys=2 * (turn + 1): node.command("DBSIZE") == keys, within=10)
    assert not sentinel or cluster.sentinel.primary_port == cluster.primary.port


def test_what_had_not_been_replicated_is_lost_and_known_to_be(cluster: RedisCluster) -> None:
    old, new = cluster.nodes
    new.replicate(None)  # it has stopped following, and its primary goes on
    for number in range(5):
        old.command("SET", f"key-{number}", "x" * 100)
    new.command("REPLICAOF", "127.0.0.1", 1)  # a replica of nobody who answers
    with cluster.failed_over() as outage:
        assert new.command("DBSIZE") == 0
    assert int(outage.receipt.counts["bytes_lost"]) > 500
    assert old.command("DBSIZE") == 0


def test_a_replica_is_one_after_a_crash_too(cluster: RedisCluster) -> None:
    with cluster.standby.killed():
        cluster.primary.command("SET", "key", "value")
    wait_until(lambda: cluster.standby.command("GET", "key") == "value", within=10)


def test_promoted_beside_a_hung_primary_there_are_two_until_the_old_one_rejoins(cluster: RedisCluster) -> None:
    old, new = cluster.nodes
    with old.paused():
        assert cluster.promote() < 30
    for node in (old, new):
        assert node.command("SET", "whose", node.name) == "OK"
    assert "bytes_lost" in cluster.rejoin()
    assert old.command("GET", "whose") == new.name


def test_a_sentinel_is_told_to_promote(make: Make) -> None:
    cluster = make(sentinel=True)
    old, new = cluster.nodes
    assert cluster.promote() < 30
    assert cluster.primary is new and cluster.sentinel.primary_port == new.port
    cluster.rejoin()
    assert old.replication["role"] == "slave" and cluster.sentinel.watches(old.port)


def test_the_url_of_the_sentinel_names_it_and_its_service(make: Make) -> None:
    cluster = make(sentinel=True)
    assert cluster.sentinel_url == f"redis+sentinel://127.0.0.1:{cluster.sentinel.port}/mymaster/0"


def test_what_cannot_be_meant(cluster: RedisCluster) -> None:
    with pytest.raises(UsageError, match="no sentinel; ask for one"):
        _ = cluster.sentinel_url
    with pytest.raises(ServiceStateError, match="redis-b replicates redis-a already"):
        cluster.rejoin()
    with cluster.standby.killed(), pytest.raises(ServiceStateError, match="nothing to fail over to"):
        cluster.failed_over().__enter__()


def test_a_sentinel_has_patience_of_its_own(make: Make) -> None:
    cluster = make(sentinel=True)
    with pytest.raises(UsageError, match="down_after"):
        cluster.failed_over(noticed_after=1).__enter__()
    assert cluster.primary.running and cluster.primary is cluster.nodes[0]
