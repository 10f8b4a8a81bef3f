"""A primary and a streaming standby, on real servers: what follows, what is lost, and what cannot be meant."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
from cluster_makers import postgres_cluster

from pytest_resilience.errors import FaultDidNotBite, FaultInForce, ServiceStateError, UsageError
from pytest_resilience.services.pgwire import PostgresRefused
from pytest_resilience.services.postgres_cluster import PostgresCluster
from pytest_resilience.services.postgres_node import PostgresNode, PostgresProcessNode
from pytest_resilience.services.process import ProcessBackend
from pytest_resilience.services.wal import Lost, counted
from pytest_resilience.waiting import wait_until

Make = Callable[..., PostgresCluster]


@pytest.fixture
def make(backend: ProcessBackend, workshop: Path) -> Iterator[Make]:
    with ExitStack() as ends:
        yield partial(postgres_cluster, backend, ends, workshop / "cache")


@pytest.fixture
def cluster(make: Make) -> PostgresCluster:
    return make()


def rows(node: PostgresNode) -> int:
    return len(node.query("SELECT * FROM kept"))


def test_the_standby_has_what_the_primary_was_told(cluster: PostgresCluster) -> None:
    cluster.primary.query("CREATE TABLE kept AS SELECT 1 AS id")
    wait_until(lambda: cluster.lag == 0, within=10)
    assert rows(cluster.standby) == 1
    with pytest.raises(PostgresRefused, match="read-only"):
        cluster.standby.query("INSERT INTO kept VALUES (2)")


def test_it_begins_with_one_primary_at_its_url(cluster: PostgresCluster) -> None:
    assert cluster._front.to is cluster.primary
    assert not cluster.primary.standing_by and cluster.standby.standing_by
    assert [node.address for node in cluster.nodes] == [cluster.primary.address, cluster.standby.address]
    assert f"{cluster.primary.address},{cluster.standby.address}/test" in cluster.hosts_url


@pytest.mark.parametrize("synchronous", [False, True])
def test_a_failover_leaves_a_whole_cluster_with_places_changed(make: Make, synchronous: bool) -> None:
    cluster = make(synchronous=synchronous)
    first, second = cluster.nodes
    first.query("CREATE TABLE kept (id int)")
    for turn in range(3):  # back and forth, over several timelines
        old, new = cluster.primary, cluster.standby
        old.query(f"INSERT INTO kept VALUES ({turn})")
        wait_until(lambda: cluster.lag == 0, within=10)
        with cluster.failed_over() as outage:
            assert (cluster.primary, cluster.standby) == (new, old)
            assert cluster._front.to is new and not old.running
            new.query("INSERT INTO kept VALUES (100)")
        counts = outage.receipt.counts
        assert counts["commits_lost"] == 0 and int(counts["processes_killed"]) >= 2
        assert 0 < float(counts["seconds_until_writes"]) < 30
        assert old.standing_by and rows(old) == rows(new) == 2 * (turn + 1)
    assert {first, second} == {*cluster.nodes}


def test_what_was_not_replicated_is_lost_and_counted(cluster: PostgresCluster) -> None:
    old = cluster.primary
    old.query("CREATE TABLE kept (id int)")
    wait_until(lambda: cluster.lag == 0, within=10)
    with cluster.replication_stalled() as stall:
        for number in range(7):
            old.query(f"INSERT INTO kept VALUES ({number})")
        with cluster.failed_over() as outage:
            assert rows(cluster.primary) == 0
    assert stall.receipt.counts == {"senders_frozen": 1}
    assert outage.receipt.counts["commits_lost"] == 7
    assert int(outage.receipt.counts["wal_bytes_lost"]) > 7 * 50
    assert rows(old) == 0


def test_what_was_not_replicated_was_not_acknowledged_where_that_is_synchronous(make: Make) -> None:
    cluster = make(synchronous=True)
    cluster.primary.query("CREATE TABLE kept (id int)")
    with cluster.replication_stalled() as stall:
        with pytest.raises(TimeoutError):
            cluster.primary.query("INSERT INTO kept VALUES (1)", timeout=0.2)
    assert int(stall.receipt.counts["bytes_behind"]) > 0
    cluster.primary.query("INSERT INTO kept VALUES (2)")
    assert cluster.lag >= 0


def test_the_new_primary_commits_alone_and_then_waits_for_the_old(make: Make) -> None:
    cluster = make(synchronous=True)
    with cluster.failed_over():
        cluster.primary.query("CREATE TABLE kept (id int)")
    with cluster.replication_stalled(), pytest.raises(TimeoutError):
        cluster.primary.query("INSERT INTO kept VALUES (1)", timeout=0.2)


def test_an_old_primary_can_come_back_without_the_whole_log(
    cluster: PostgresCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PostgresProcessNode, "_can_replay_all", lambda *_: False)
    old = cluster.primary
    old.query("CREATE TABLE kept (id int)")
    wait_until(lambda: cluster.lag == 0, within=10)
    with cluster.replication_stalled():
        old.query("INSERT INTO kept VALUES (1)")
        with cluster.failed_over() as outage:
            cluster.primary.query("INSERT INTO kept VALUES (2), (3)")
    assert outage.receipt.counts["commits_lost"] == 1
    assert old.standing_by and rows(old) == 2


def test_promoted_beside_a_hung_primary_there_are_two_until_the_old_one_rejoins(cluster: PostgresCluster) -> None:
    old, new = cluster.nodes
    with old.paused():
        assert cluster.promote() < 30
        assert cluster.primary is new and cluster._front.to is new
    for node in (old, new):  # a split brain
        node.query("CREATE TABLE kept (id int)")
    old.query("INSERT INTO kept VALUES (1)")
    with pytest.raises(ServiceStateError, match="postgres-a is no standby"):
        cluster.promote()
    assert cluster.rejoin()["commits_lost"] == 2
    assert old.standing_by and rows(old) == 0


def test_each_node_can_be_broken_as_any_service(cluster: PostgresCluster) -> None:
    with cluster.standby.killed():
        cluster.primary.query("CREATE TABLE kept (id int)")
        with pytest.raises(ServiceStateError, match=r"postgres-b is not running.*nothing to fail over to"):
            cluster.failed_over().__enter__()
        with pytest.raises(ServiceStateError, match="cannot promote postgres-b, it is not running"):
            cluster.promote()
    with cluster.primary.killed(), pytest.raises(ServiceStateError, match="fail over from"):
        cluster.failed_over().__enter__()
    wait_until(lambda: rows(cluster.standby) == 0, within=10, on=(PostgresRefused,))


def test_a_failover_that_fails_brings_the_primary_back(
    cluster: PostgresCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = cluster.primary

    def refuse(standby: PostgresProcessNode) -> None:
        raise OSError("no")

    monkeypatch.setattr(cluster, "_promote", refuse)
    with pytest.raises(OSError, match="no"):
        cluster.failed_over().__enter__()
    assert cluster.primary is first and first.query("SELECT 1") == [("1",)]


def test_a_failover_cannot_be_nested_in_itself(cluster: PostgresCluster) -> None:
    with cluster.failed_over(), pytest.raises(FaultInForce):
        cluster.failed_over().__enter__()


def test_a_standby_in_its_place_cannot_rejoin(cluster: PostgresCluster) -> None:
    main, *_ = cluster.standby.pids
    with pytest.raises(ServiceStateError, match="postgres-b replicates postgres-a already"):
        cluster.rejoin()
    assert cluster.standby.pids[0] == main


@pytest.mark.parametrize("seconds", [-1, float("inf"), float("nan")])
def test_seconds_that_cannot_be_meant(cluster: PostgresCluster, seconds: float) -> None:
    with pytest.raises(UsageError, match="noticed_after"):
        cluster.failed_over(noticed_after=seconds).__enter__()
    assert cluster.primary.running


def test_a_stall_of_nothing_has_not_bitten(cluster: PostgresCluster) -> None:
    cluster.standby._unit.stop(5)
    with pytest.raises(FaultDidNotBite), cluster.replication_stalled():
        pass
    with cluster.replication_stalled(optional=True):
        pass


def test_a_dump_that_says_neither_is_not_taken_for_nothing_lost() -> None:
    missing = 'pg_waldump: error: could not find file "000000020000000000000005": No such file or directory'
    assert counted(missing, "0/5000148") is None
    assert counted("sh: pg_waldump: not found", "0/5000000") is None
    assert counted(missing, "0/5000000") == Lost(0, 0)  # the log ended with the file before
    assert counted("Total   12   614 [7.1%]   8000 [92.9%]   8614 [100%]", "0/5000148") == Lost(0, 8614)
