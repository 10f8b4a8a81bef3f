"""The template of a Postgres data directory: made once per version and way of making, and kept in a cache.

`initdb` takes a quarter of a second and more; a copy of what it made takes a fraction of that. The cache is safe to
share: one process builds at a time, and a template appears under its name all at once or not at all. What a
builder that was killed has left is removed by the next one.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shlex
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pytest_resilience.errors import BackendUnavailable, UsageError
from pytest_resilience.janitor.state import state_directory
from pytest_resilience.services.guise import Guise
from pytest_resilience.services.programs import Program

USER = "postgres"
DATABASE = "test"
# A template is read to be copied, so it is small: segments of the log are 1 MB instead of 16. The
# server's limits are in bytes, so it does not write checkpoints more often for that.
INITDB = (
    "--username",
    USER,
    "--auth",
    "trust",
    "--encoding",
    "UTF8",
    "--locale",
    "C",
    "--no-sync",
    "--wal-segsize",
    "1",
)
# Without fsync nothing that was acknowledged is lost when the *process* is killed: it has been written, and what has
# been written is the kernel's. Only a crash of the machine could tell the difference. It is not on the command line, so
# that a test can change it by ALTER SYSTEM.
CHANGEABLE = {"fsync": "off"}
OF_POSTGRES = 3  # databases that initdb makes: template0, template1, postgres
RECIPE = 2  # to be raised when `_build` does otherwise than before

Runner = Callable[[tuple[str, ...], Path], int]


def cache_directory() -> Path:
    """Return where this user's templates are kept: `pytest-resilience` in XDG_CACHE_HOME or ~/.cache.

    A user without a home of its own, as in many containers, has them beside the janitor's journals instead.
    """
    named = os.environ.get("XDG_CACHE_HOME", "")
    if named.startswith("/"):
        return Path(named) / "pytest-resilience"
    base = Path.home() / ".cache"
    there = next(path for path in (base, *base.parents) if path.exists())
    return base / "pytest-resilience" if os.access(there, os.W_OK | os.X_OK) else state_directory() / "templates"


def template(program: Program, guise: Guise, run: Runner, cache: Path) -> Path:
    """Return a data directory, never started, with the database `test`; built if the cache has none.

    :param run: runs a command with a file for its output, and returns its exit status.
    :raises BackendUnavailable: it cannot be built; the message holds what initdb said.
    :raises UsageError: the cache cannot be written to.
    """
    try:
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"the cache {cache} cannot be made ({error}); set XDG_CACHE_HOME to a directory of yours"
        ) from error
    finished = cache / f"postgres-{program.version}-{_key(program, guise)}"
    if finished.is_dir():
        return finished
    with _locked(cache / f"{finished.name}.lock"):
        if not finished.is_dir():
            building = cache / f"{finished.name}.building"
            if building.exists():
                shutil.rmtree(building)
            building.mkdir(mode=0o700)
            _build(program, guise, run, building)
            (building / "data").rename(finished)
            shutil.rmtree(building)
    return finished


def _build(program: Program, guise: Guise, run: Runner, building: Path) -> None:
    data, log = building / "data", building / "log"
    data.mkdir(mode=0o700)
    if guise.owner is not None:
        os.chown(data, guise.owner, guise.owner)
    initdb = guise.wrap((str(program.path.parent / "initdb"), "--pgdata", str(data), *INITDB))
    # A server of one user reads its commands from stdin: no server has to be started, waited for and stopped.
    single = shlex.join(guise.wrap((str(program.path), "--single", "-F", "-D", str(data), "postgres")))
    create = ("sh", "-c", f"echo 'CREATE DATABASE {DATABASE};' | {single}")
    for command in (initdb, create):
        status = run(command, log)
        if status != 0:
            said = log.read_text(errors="replace")[-2000:]
            raise BackendUnavailable(
                f"Postgres {program} could not make a data directory: {shlex.join(command)} ended with {status}:\n"
                f"{said}"
            )
    with (data / "postgresql.conf").open("a") as settings:
        settings.writelines(f"{name} = {value}\n" for name, value in CHANGEABLE.items())
    # A single-user server that refuses a command says so and ends well.
    if sum(one.name.isdigit() for one in (data / "base").iterdir()) <= OF_POSTGRES:
        raise BackendUnavailable(
            f"Postgres {program} did not create the database {DATABASE}:\n{log.read_text(errors='replace')[-2000:]}"
        )


def _key(program: Program, guise: Guise) -> str:
    made_by = (str(RECIPE), str(program.path), program.version, *INITDB, DATABASE, str(guise.owner))
    return hashlib.sha256("\0".join(made_by).encode()).hexdigest()[:12]


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
