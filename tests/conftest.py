"""The clinic as fixtures: the reference service, its workers, and the roads between it and what it depends on."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest
from harness import Clinic

from pytest_resilience import Link, Linker, PostgresCluster, PostgresServer, RedisCluster, RedisServer, Service, Starter
from pytest_resilience.fixtures import OPTIONS

APP = Path(__file__).parent / "app"
REGISTERED = re.compile(r": registered$")
# Python and the clinic as an image, for the docker backend; without one, the clinic runs as processes there too.
IMAGE = os.environ.get("CLINIC_IMAGE")
BUGS = "CLINIC_BUGS"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Lift the time limit of tests from scenarios beyond the quick size, which last for as long as they say."""
    if config.stash[OPTIONS].size == "quick":
        return
    for item in items:
        if any(item.get_closest_marker(kind) for kind in ("chaos", "load", "stress", "soak")):
            item.add_marker(pytest.mark.timeout(0))


@pytest.fixture
def clinic(
    service: Starter, postgres_server: PostgresServer, redis_server: RedisServer, resilience_backend: str
) -> Clinic:
    """Start an instance of the clinic (`role="web"`) or a worker (`role="worker"`), with settings as keywords."""
    contained = IMAGE is not None and resilience_backend == "docker"

    def start(
        *,
        role: str = "web",
        name: str = "clinic",
        database: PostgresServer | PostgresCluster | Link | None = None,
        cache: RedisServer | RedisCluster | Link | None = None,
        disk: int | None = None,
        **settings: float | str,
    ) -> Service:
        web = role == "web"
        env = {key.upper(): str(value) for key, value in settings.items()}
        env |= {"DATABASE_URL": (database or postgres_server).url, "REDIS_URL": (cache or redis_server).url}
        env |= {"PYTHONPATH": "/app" if contained else str(APP), "PYTHONUNBUFFERED": "1"}
        env |= {"CLINIC_BUGS": os.environ[BUGS]} if BUGS in os.environ else {}
        env |= {"PORT": "{port}", "INSTANCE": name} if web else {"WORKER": name}
        return service(
            "python" if contained else sys.executable, "-m", f"clinic.{role}",
            name=name, image=IMAGE, env=env, port=web, ready="/ready" if web else REGISTERED, disk=disk,
        )  # fmt: skip

    return start


@pytest.fixture
def app(clinic: Clinic) -> Service:
    """One instance of the clinic, connected straight to Redis and Postgres."""
    return clinic()


@pytest.fixture
def database_link(link: Linker, postgres_server: PostgresServer) -> Link:
    """The road to the database."""
    return link(postgres_server, name="database")


@pytest.fixture
def app_over_link(clinic: Clinic, database_link: Link) -> Service:
    """One instance of the clinic whose road to the database can be broken."""
    return clinic(database=database_link)
