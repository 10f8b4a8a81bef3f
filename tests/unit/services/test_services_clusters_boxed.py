"""Clusters in containers do what those of processes do, and nothing is left of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from cluster_makers import POSTGRES_IMAGE, REDIS_IMAGE, postgres_cluster, redis_cluster
from docker_here import left_of, need_docker

from pytest_resilience.janitor import Janitor
from pytest_resilience.services.container import ContainerBackend
from pytest_resilience.waiting import wait_until

pytestmark = pytest.mark.docker


@pytest.fixture
def boxes(request: pytest.FixtureRequest, workshop: Path) -> Iterator[ContainerBackend]:
    need_docker(request.config, (POSTGRES_IMAGE, REDIS_IMAGE))
    with Janitor.start(directory=workshop / "boxes") as janitor:
        backend = ContainerBackend(janitor)
        yield backend
        assert not left_of(backend)


@pytest.mark.parametrize("synchronous", [False, True])
def test_a_postgres_fails_over_and_back(boxes: ContainerBackend, tmp_path: Path, synchronous: bool) -> None:
    with ExitStack() as ends:
        cluster = postgres_cluster(boxes, ends, tmp_path, synchronous=synchronous)
        first = cluster.primary
        first.query("CREATE TABLE kept (id int)")
        wait_until(lambda: cluster.lag == 0, within=10)
        with cluster.failed_over() as there:
            cluster.primary.query("INSERT INTO kept VALUES (1)")
        with cluster.standby.killed():
            pass
        cluster._await_whole()
        with cluster.failed_over() as back:
            assert cluster.primary is first
            assert cluster.primary.query("SELECT count(*) FROM kept") == [("1",)]
        for outage in (there, back):
            assert outage.receipt.counts["commits_lost"] == 0


def test_a_postgres_counts_what_it_lost(boxes: ContainerBackend, tmp_path: Path) -> None:
    with ExitStack() as ends:
        cluster = postgres_cluster(boxes, ends, tmp_path)
        old = cluster.primary
        old.query("CREATE TABLE kept (id int)")
        wait_until(lambda: cluster.lag == 0, within=10)
        with cluster.replication_stalled():
            for number in range(7):
                old.query(f"INSERT INTO kept VALUES ({number})")
            with cluster.failed_over() as outage:
                pass
        assert outage.receipt.counts["commits_lost"] == 7
        assert old.query("SELECT count(*) FROM kept") == [("0",)]


@pytest.mark.parametrize("sentinel", [False, True])
def test_a_redis_fails_over_and_back(boxes: ContainerBackend, sentinel: bool) -> None:
    with ExitStack() as ends:
        cluster = redis_cluster(boxes, ends, sentinel=sentinel)
        first = cluster.primary
        for turn in range(2):
            cluster.primary.command("SET", f"key-{turn}", 1)
            wait_until(lambda: cluster.lag == 0, within=10)
            with cluster.failed_over() as outage:
                assert cluster.primary.command("DBSIZE") == turn + 1
            assert outage.receipt.counts["bytes_lost"] == 0
        assert cluster.primary is first
        with cluster.standby.killed():
            cluster.primary.command("SET", "more", 1)
        wait_until(lambda: cluster.standby.command("DBSIZE") == 3, within=10)
