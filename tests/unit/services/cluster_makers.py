"""Makers of clusters on real servers, one a backend and a kind."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from pytest_resilience.services.container import ContainerBackend
from pytest_resilience.services.ports import lease_port
from pytest_resilience.services.postgres_box import PostgresContainerNode
from pytest_resilience.services.postgres_cluster import PostgresCluster
from pytest_resilience.services.postgres_node import PostgresNode, PostgresProcessNode
from pytest_resilience.services.process import ProcessBackend
from pytest_resilience.services.programs import find_postgres, find_redis
from pytest_resilience.services.redis_cluster import RedisCluster
from pytest_resilience.services.redis_node import RedisNode, Sentinel, sentinel_settings
from pytest_resilience.services.service import Service

POSTGRES_IMAGE = "pytest-resilience/postgres:local"
REDIS_IMAGE = "pytest-resilience/redis:local"
SERVICE = "mymaster"
Backends = ProcessBackend | ContainerBackend


class Signpost:
    """An address that knows where it leads, and carries nothing."""

    def __init__(self, to: Service) -> None:
        self.to = to
        self.url = "tcp://signpost"

    def point_at(self, other: Service) -> None:
        self.to = other


def postgres_cluster(backend: Backends, ends: ExitStack, cache: Path, *, synchronous: bool = False) -> PostgresCluster:
    a, b = (ends.enter_context(lease_port()).port for _ in range(2))

    def node(name: str, port: int, other: int) -> PostgresNode:
        if isinstance(backend, ProcessBackend):
            made: PostgresNode = PostgresProcessNode.of(
                backend, find_postgres(), port=port, other=other, name=name, cache=cache
            )
        else:
            made = PostgresContainerNode.of(backend, POSTGRES_IMAGE, port=port, other=other, name=name)
        ends.callback(made.remove)
        return made

    cluster = PostgresCluster(
        node("postgres-a", a, b), node("postgres-b", b, a), front=Signpost, synchronous=synchronous
    )
    cluster.start()
    return cluster


def redis_cluster(backend: Backends, ends: ExitStack, *, sentinel: bool = False) -> RedisCluster:
    a, b, c = (ends.enter_context(lease_port()).port for _ in range(3))
    settings = sentinel_settings(c, service=SERVICE, primary=a, down_after=2.0)
    if isinstance(backend, ProcessBackend):
        program = find_redis()
        nodes = [RedisNode.embedded(backend, program, port=port, name=name) for name, port in names(a, b)]
        watch = Sentinel.embedded(backend, program, port=c, settings=settings, service=SERVICE)
    else:
        nodes = [RedisNode.in_container(backend, REDIS_IMAGE, port=port, name=name) for name, port in names(a, b)]
        watch = Sentinel.in_container(backend, REDIS_IMAGE, port=c, settings=settings, service=SERVICE)
    primary, standby = nodes
    cluster = RedisCluster(primary, standby, front=Signpost, sentinel=watch if sentinel else None)
    ends.callback(cluster.remove)
    cluster.start()
    return cluster


def names(a: int, b: int) -> list[tuple[str, int]]:
    return [("redis-a", a), ("redis-b", b)]
