"""What the tests of services share: a janitor, backends, real servers, and the makers of units of every kind."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from fakes import FAKES, SCRIPTS, FakeUnit

from pytest_resilience import timeline
from pytest_resilience.errors import BackendUnavailable
from pytest_resilience.janitor import Janitor
from pytest_resilience.services.backend import Spec, Unit
from pytest_resilience.services.ports import PortLease, lease_port
from pytest_resilience.services.postgres import PostgresServer
from pytest_resilience.services.process import ProcessBackend
from pytest_resilience.services.programs import find_postgres, find_redis
from pytest_resilience.services.redis import RedisServer

TEST_IMAGE = os.environ.get("PYTEST_RESILIENCE_TEST_IMAGE", "pytest-resilience/redis:local")

Maker = Callable[[str], Unit]


def _fakes(janitor: Janitor) -> Maker:
    return lambda kind: FakeUnit(Spec(name=kind), FAKES[kind])


def _processes(janitor: Janitor) -> Maker:
    backend = ProcessBackend(janitor)
    return lambda kind: backend.unit(Spec(name=kind, command=("sh", "-c", SCRIPTS[kind])))


def _containers(janitor: Janitor) -> Maker:
    pytest.importorskip("docker")
    from pytest_resilience.services.container import ContainerBackend
    from pytest_resilience.services.docker_probe import connect, has_image

    try:
        backend = ContainerBackend(janitor)
    except BackendUnavailable as error:
        pytest.skip(str(error))
    with closing(connect(backend.address, patience=10)) as client:
        if not has_image(client, TEST_IMAGE):
            pytest.skip(f"no image {TEST_IMAGE}; name one that has a shell with PYTEST_RESILIENCE_TEST_IMAGE")
    return lambda kind: backend.unit(Spec(name=kind, image=TEST_IMAGE, command=("sh", "-c", SCRIPTS[kind])))


# A backend joins the contract tests by a line here.
MAKERS: dict[str, Callable[[Janitor], Maker]] = {"fake": _fakes, "process": _processes, "docker": _containers}


@pytest.fixture(params=[pytest.param(name, marks=[pytest.mark.docker] if name == "docker" else []) for name in MAKERS])
def make_unit(request: pytest.FixtureRequest, janitor: Janitor) -> Iterator[Maker]:
    """Makes a unit of a kind: `make_unit(POLITE)`."""
    made: list[Unit] = []
    maker = MAKERS[request.param](janitor)

    def make(kind: str) -> Unit:
        made.append(maker(kind))
        return made[-1]

    yield make
    for unit in made:
        unit.remove()


@pytest.fixture(autouse=True)
def own_timeline() -> Iterator[None]:
    before = timeline.set_current(timeline.Timeline())
    yield
    timeline.set_current(before)


@pytest.fixture(scope="session")
def workshop() -> Iterator[Path]:
    # Not tmp_path: its name is long, and journals of ours are looked for by others of this run.
    directory = Path(tempfile.mkdtemp(prefix="resilience-services-"))
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
def janitor(workshop: Path) -> Iterator[Janitor]:
    with Janitor.start(directory=workshop / "state") as janitor:
        yield janitor


@pytest.fixture(scope="session")
def backend(janitor: Janitor) -> ProcessBackend:
    return ProcessBackend(janitor)


@pytest.fixture
def port() -> Iterator[int]:
    with lease_port() as lease:
        yield lease.port


@pytest.fixture(scope="session")
def leases() -> Iterator[Callable[[], PortLease]]:
    taken: list[PortLease] = []

    def lease() -> PortLease:
        taken.append(lease_port())
        return taken[-1]

    yield lease
    for one in taken:
        one.close()


@pytest.fixture(scope="session")
def the_redis(backend: ProcessBackend, leases: Callable[[], PortLease]) -> Iterator[RedisServer]:
    server = RedisServer.embedded(backend, find_redis(), port=leases().port)
    server.start()
    yield server
    server.remove()


@pytest.fixture
def redis(the_redis: RedisServer) -> RedisServer:
    the_redis.ensure_fresh()
    return the_redis


@pytest.fixture(scope="session")
def the_postgres(backend: ProcessBackend, leases: Callable[[], PortLease], workshop: Path) -> Iterator[PostgresServer]:
    server = PostgresServer.embedded(backend, find_postgres(), port=leases().port, cache=workshop / "cache")
    server.start()
    yield server
    server.remove()


@pytest.fixture
def postgres(the_postgres: PostgresServer) -> PostgresServer:
    the_postgres.ensure_fresh()
    return the_postgres
