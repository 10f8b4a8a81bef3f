"""A pytest process that comes to a bad end, and a look at what is left of it.

It has a temporary directory of its own. Whatever it starts inherits `TMPDIR`, or works in that directory, or is
named by a path in it (the janitor): so all that is left of it is found, also what its janitor does not know of.
"""

from __future__ import annotations

import errno
import getpass
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import quote

import pytest

from pytest_resilience.errors import WaitTimeout
from pytest_resilience.janitor.engine import LABEL, RemoveContainers
from pytest_resilience.janitor.kill import MARK
from pytest_resilience.janitor.mounts import mounts
from pytest_resilience.janitor.process import PROC, living
from pytest_resilience.services.docker_probe import connect, daemon_address, docker_available
from pytest_resilience.services.hierarchy import place_of
from pytest_resilience.waiting import wait_until

IMAGES = ("pytest-resilience/redis:local", "pytest-resilience/postgres:local")
PROCESS = ("--resilience-backend=process",)
DOCKER = ("--resilience-backend=docker", *(f"--resilience-{image[18:-6]}-image={image}" for image in IMAGES))
# An inner run comes up faster without the plugins that it does not need.
NEEDLESS = ("asyncio", "timeout", "xdist", "hypothesispytest", "anyio")
# A run in the background (`pytest &`, nohup) ignores some signals, and so would all that it starts.
_HEED = """
import os, signal, sys
for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
    signal.signal(number, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])
"""
HEARING = (sys.executable, "-I", "-S", "-c", _HEED)


class Inner:
    """A pytest process over one file of tests, in a session of its own.

    :param needs: plugins that it cannot do without.
    :ivar tokens: of the janitors that it was seen to have.
    """

    def __init__(self, place: Path, source: str, *options: str, needs: tuple[str, ...] = (), **env: str) -> None:
        self.place = place
        self.scratch = place / "tmp"
        self.scratch.mkdir(parents=True)
        self.state = self.scratch / f"pytest-resilience-{os.geteuid()}"
        self._log = place / "output"
        file = place / "test_inner.py"
        file.write_text(textwrap.dedent(source))
        without = [f"-pno:{name}" for name in (*NEEDLESS, "cacheprovider") if name not in needs]
        backend = () if "--resilience-backend=docker" in options else PROCESS
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [*HEARING, sys.executable, "-m", "pytest", "-Werror", "-s", *without, *backend, *options, str(file)],
                cwd=place,
                env={**_plain_environment(), "TMPDIR": str(self.scratch), **env},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.tokens: set[str] = set()
        self._ports: set[int] = set()
        self._inodes: set[int] = set()

    @property
    def said(self) -> str:
        """What it has written."""
        return self._log.read_text(errors="replace")

    def await_words(self, words: str, *, within: float = 60) -> None:
        """Return when it has written `words`, or has ended."""
        wait_until(
            lambda: words in self.said or self.process.poll() is not None,
            within=within,
            every=0.002,
            what=f"the inner run says {words!r}; it said {self.said}",
        )

    def end(self, number: int) -> None:
        """Send it a signal and wait for its end; what it has now is remembered and looked for later."""
        self.look()
        self.process.send_signal(number)
        self.process.wait(30)

    def interrupt(self, number: int, words: str) -> None:
        """Send it a signal, upon which it writes `words`."""
        self.process.send_signal(number)
        self.await_words(words)

    def ends(self, *, within: float = 60) -> int:
        """Wait for its end and return its exit status."""
        try:
            wait_until(lambda: self.look() or self.process.poll() is not None, within=within, every=0.05)
        except WaitTimeout:
            raise AssertionError(f"the inner run has not ended after {within} s: {self.said}") from None
        return self.process.returncode

    def look(self) -> None:
        """Remember its tokens, the ports it has leased and its Postgres' data directories."""
        with suppress(OSError):
            self.tokens |= {path.stem for path in self.state.glob("*.journal")}
        with suppress(OSError):  # it is being removed while we look
            for place in self.state.glob("*/postgres-*/PG_VERSION"):
                self._inodes.add(place.parent.stat().st_ino & 0xFFFFFFFF)
        with suppress(OSError):
            for entry in (PROC / str(self.process.pid) / "fd").iterdir():
                with suppress(OSError):
                    target = entry.readlink()
                    if target.suffix == ".lock" and target.parent.name.startswith("pytest-resilience-ports"):
                        self._ports.add(int(target.stem))

    def must_vanish(self, *, within: float, about: str = "") -> float:
        """Wait until nothing is left of it; return how many seconds that took."""
        began = time.monotonic()
        left: list[str] = []

        def vanished() -> bool:
            left[:] = self.left()
            return not left

        try:
            wait_until(vanished, within=within)
        except WaitTimeout:
            raise AssertionError(f"{about}: left {within:g} s after its end: {left}; it said: {self.said}") from None
        return time.monotonic() - began

    def left(self) -> list[str]:
        """Return what is left of it, in words: processes, files, containers, shared memory, ports."""
        self.look()
        left = [f"process {words}" for words in self.processes()]
        left += [f"file {path}" for path in self._files()]
        left += [f"container {name}" for token in self.tokens for name in containers(token)]
        left += [f"control group {path}" for token in self.tokens for path in _groups(token)]
        left += [f"mount {path}" for path in mounts(self.scratch)]
        left += [f"shared memory {number}" for number in _segments(self._inodes)]
        return left + [f"port {port} is taken" for port in self._ports if not _can_be_bound(port)]

    def processes(self) -> list[str]:
        """Return the processes that it has started, the janitor's own included, and not itself."""
        others = [one for one in living() if one.pid not in (self.process.pid, os.getpid())]
        ours = [one for one in others if self._has_started(one.pid)]
        return [f"{one.pid} ({one.state}, of {one.parent}): {_words(one.pid)}" for one in ours]

    def _files(self) -> list[Path]:
        # Of the two directories that all runs of a user share, one stays empty, and the other holds locks. The third
        # is pytest's own.
        shared = (self.state.name, f"pytest-resilience-ports-{os.geteuid()}", f"pytest-of-{getpass.getuser()}")
        inner = list(self.state.iterdir()) if self.state.exists() else []
        return [path for path in self.scratch.iterdir() if path.name not in shared and not _is_probe(path)] + inner

    def _has_started(self, pid: int) -> bool:
        home = PROC / str(pid)
        here = os.fsencode(self.scratch)
        with suppress(OSError):
            known = home.joinpath("environ").read_bytes() + home.joinpath("cmdline").read_bytes()
            marks = [f"{MARK}={token}".encode() for token in self.tokens]
            if here in known or any(mark in known for mark in marks):
                return True
            return here in os.fsencode((home / "cwd").readlink())
        return False


def _is_probe(path: Path) -> bool:
    """Tell whether this is the file by which `tempfile` finds out where files can be written, and which it removes."""
    with suppress(OSError):
        return len(path.name) == 8 and path.is_file() and path.read_bytes() in (b"", b"blat")
    return True  # it is gone


Start = Callable[..., Inner]


def need_docker(config: pytest.Config) -> None:
    """Skip with the reason where Docker or the images are not to be had; fail where Docker was asked for."""
    found = docker_available(IMAGES, pull_within=0)
    if not found:
        asked = config.getoption("resilience_backend", default=None) == ["docker"]
        missing = f"no image {' or '.join(found.missing)}; make them with: python .ci/images.py"
        (pytest.fail if asked else pytest.skip)(missing if found.missing else found.reason)


def containers(token: str) -> list[str]:
    """Return the names of all containers of a run, running or not; none where no Docker daemon listens."""
    address = daemon_address(os.environ)
    with socket.socket(socket.AF_UNIX) as probe:
        # A daemon that was killed leaves its socket behind.
        if probe.connect_ex(address.removeprefix("unix://")) in {errno.ENOENT, errno.ECONNREFUSED}:
            return []
    filters = quote(json.dumps({"label": [f"{LABEL}={token}"]}))
    with closing(connect(address, patience=10)) as daemon:
        listed = daemon.get(f"/containers/json?all=1&filters={filters}")
    assert isinstance(listed, list)
    return [box["Names"][0].removeprefix("/") for box in listed]


def stop_all(inner: Inner) -> None:
    """End what a failed test has left of `inner`, so that it is nobody else's trouble."""
    if inner.process.poll() is None:
        inner.process.kill()
    inner.process.wait()
    for words in inner.processes():
        with suppress(ProcessLookupError):
            os.kill(int(words.split()[0]), signal.SIGKILL)
    for token in inner.tokens:
        if containers(token):
            RemoveContainers(token, host=daemon_address(os.environ)).undo()


def _plain_environment() -> dict[str, str]:
    own = ("PYTEST_", "COV_")
    return {name: value for name, value in os.environ.items() if not name.startswith(own)}


def _words(pid: int) -> str:
    with suppress(OSError):
        return (PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")[:200]
    return "gone"


def _groups(token: str) -> list[Path]:
    homes = [place for name in ("memory", "cpu") if (place := place_of(os.getpid(), name))]
    return [path for home in homes for path in home.top.rglob(f"pytest-resilience-{token}*")]


def _segments(inodes: set[int]) -> list[int]:
    # Postgres derives the key of its segment from its data directory.
    rows = [line.split() for line in Path("/proc/sysvipc/shm").read_text().splitlines()[1:]]
    return [int(row[1]) for row in rows if int(row[0]) & 0xFFFFFFFF in inodes]


def _can_be_bound(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
