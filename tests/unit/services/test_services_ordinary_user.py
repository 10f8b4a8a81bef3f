"""Redis and Postgres for an ordinary user, run from a test that is root's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_resilience.services.guise import AS_NOBODY, NOBODY, why_not

ORDINARY = """
import os, sys
from pathlib import Path
from pytest_resilience.janitor import Janitor
from pytest_resilience.services.ports import lease_port
from pytest_resilience.services.postgres import PostgresServer
from pytest_resilience.services.process import ProcessBackend
from pytest_resilience.services.programs import find_postgres, find_redis
from pytest_resilience.services.redis import RedisServer
home = Path(sys.argv[1])
with Janitor.start(directory=home / "state") as janitor, lease_port(home) as one, lease_port(home) as two:
    backend = ProcessBackend(janitor)
    redis = RedisServer.embedded(backend, find_redis(), port=one.port)
    postgres = PostgresServer.embedded(backend, find_postgres(), port=two.port, cache=home / "cache")
    for server in (redis, postgres):
        server.start()
        with server.killed():
            pass
        with server.paused():
            pass
        server.ensure_fresh()
    assert redis.command("PING") == "PONG"
    assert postgres.query("SELECT current_database()") == [("test",)]
    print(os.geteuid(), backend.guise.name)
"""


@pytest.fixture
def home() -> Iterator[Path]:
    # Not tmp_path, which lies in a directory that is closed to others.
    home = Path(tempfile.mkdtemp(prefix="resilience-ordinary-"))
    os.chown(home, NOBODY, NOBODY)
    yield home
    shutil.rmtree(home)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become another user; who is not root is ordinary anyhow")
def test_redis_and_postgres_run_for_an_ordinary_user(home: Path) -> None:
    # With the right to open any file, as the interpreter may lie in root's own home.
    if why_not(AS_NOBODY):
        pytest.skip(str(why_not(AS_NOBODY)))
    command = AS_NOBODY.wrap([sys.executable, "-W", "error", "-c", ORDINARY, str(home)])
    environment = {**os.environ, "TMPDIR": str(home), "HOME": str(home)}
    done = subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == (f"{NOBODY} ordinary user\n", "")
