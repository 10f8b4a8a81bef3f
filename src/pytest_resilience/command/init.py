"""A first scenario for a project: two files in a folder of their own, and nothing that is there is touched."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path("tests/resilience")

CONFTEST = '''\
"""What the scenarios test: your service, wired to the real things that it depends on."""

import sys

import pytest


@pytest.fixture
def app(service):
    """Your service. Put your own command here; `{port}` becomes a free port.

    What it depends on is a fixture too: ask for `redis_server` or `postgres_server` as an argument, and hand it over
    as `env={"DATABASE_URL": postgres_server.url}`, or over a road that can be broken, `link(postgres_server).url`.
    """
    return service(
        sys.executable, "-m", "http.server", "{port}", "--bind", "127.0.0.1",
        name="app",
        ready="/",  # the path that answers once it is ready
    )
'''

SCENARIO = '''\
"""The service crashes. It is back soon after its restart, and was quick before."""

import pytest

from pytest_resilience import SLO, Get

PAGE = SLO(p95=0.5, error_rate=0.01)


@pytest.mark.chaos
def test_the_service_recovers_from_a_crash(app, load):
    with load(Get(f"{app.url}/"), rate=100) as run:
        run.hold(4)
        with app.killed() as crash:
            run.hold(1)
        run.hold_until_recovered(crash, to=PAGE)
    assert PAGE.met_by(run.before(crash))
    assert run.recovery(crash, to=PAGE) < 30
'''

FILES = {"conftest.py": CONFTEST, "test_crash.py": SCENARIO}


def init(project: Path) -> tuple[list[Path], list[Path]]:
    """Write the files, and return those that were written and those that were there and are left as they are.

    :raises OSError: the folder cannot be made or written to.
    """
    folder = project / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    written, kept = [], []
    for name, text in FILES.items():
        path = folder / name
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError:
            kept.append(path)
        else:
            written.append(path)
    return written, kept
