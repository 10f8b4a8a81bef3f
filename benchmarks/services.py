"""What the embedded services cost: starts, fresh states and faults, in milliseconds.

    python benchmarks/services.py [times]

Prints the median and the slowest of each; needs `pip install "pytest-resilience[embedded]"`.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from pytest_resilience.janitor import Janitor
from pytest_resilience.services.laundry import wash
from pytest_resilience.services.pgwire import PgConnection
from pytest_resilience.services.ports import lease_port
from pytest_resilience.services.postgres import PostgresServer
from pytest_resilience.services.process import ProcessBackend
from pytest_resilience.services.programs import find_postgres, find_redis
from pytest_resilience.services.redis import RedisServer
from pytest_resilience.services.service import Service

TIMES: dict[str, list[float]] = defaultdict(list)


@contextmanager
def timed(what: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    TIMES[what].append((time.perf_counter() - began) * 1000)


def measure_faults(server: Service) -> None:
    for name in ("killed", "stopped", "paused"):
        fault = getattr(server, name)()
        with timed(f"{server.name}: {name}, strike"):
            fault.__enter__()
        with timed(f"{server.name}: {name}, heal to ready"):
            fault.__exit__(None, None, None)


def measure_redis(backend: ProcessBackend, port: int) -> None:
    server = RedisServer.embedded(backend, find_redis(), port=port)
    with timed("redis: start to ready"):
        server.start()
    for number in range(1000):
        server.command("SET", f"key:{number}", number)
    with timed("redis: fresh again"):
        server.ensure_fresh()
    measure_faults(server)
    server.remove()


def measure_postgres(backend: ProcessBackend, port: int) -> None:
    server = PostgresServer.embedded(backend, find_postgres(), port=port)
    with timed("postgres: first start to ready, template there"):
        server.start()
    server.query("CREATE TABLE filled AS SELECT generate_series(1, 10000) AS id")
    with timed("postgres: fresh again, by restart"):
        server.ensure_fresh()
    server.query("CREATE TABLE filled AS SELECT generate_series(1, 10000) AS id")
    session = PgConnection(server.host, port, user="postgres", database="postgres")
    with session, timed("postgres: fresh again, by SQL"):
        wash(session, "test", "postgres")
    measure_faults(server)
    with timed("postgres: remove"):
        server.remove()


def main(times: int) -> None:
    print(f"Redis {find_redis()}, Postgres {find_postgres()}, {times} times")
    with Janitor.start() as janitor, lease_port() as one, lease_port() as two:
        backend = ProcessBackend(janitor)
        with_template = PostgresServer.embedded(backend, find_postgres(), port=two.port)
        with_template.start()
        with_template.remove()
        for _ in range(times):
            measure_redis(backend, one.port)
            measure_postgres(backend, two.port)
    print(f"{'':50}{'median':>10}{'slowest':>10}")
    for what, spent in TIMES.items():
        print(f"{what:50}{statistics.median(spent):10.1f}{max(spent):10.1f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
