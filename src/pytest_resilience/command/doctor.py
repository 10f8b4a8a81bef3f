"""The doctor: what this machine can do, found by trying it, and what would enable the rest."""

from __future__ import annotations

import importlib.util
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from pytest_resilience.errors import BackendUnavailable, ResilienceError, Unsupported
from pytest_resilience.options import Options

SOCKETS = 10_000
WIDTH = 24


@dataclass(frozen=True)
class Finding:
    """One thing that can be done here, or cannot.

    :ivar said: how, or why not and what would enable it.
    """

    what: str
    works: bool
    said: str

    def __str__(self) -> str:
        return f"{'yes' if self.works else 'no ':3}  {self.what:{WIDTH}} {self.said}"


EXTRAS = {
    "testcontainers": ("containers through Testcontainers", "docker"),
    "locust": ("Locust files", "locust"),
    "uvloop": ("a faster driver", "speed"),
    "toxiproxy": ("the `toxiproxy` fixture", "toxiproxy"),
}
BESIDE = {
    "pytest_asyncio": ("asynchronous scenarios", "pytest-asyncio"),
    "pytest_timeout": ("a scenario that hangs is ended", "pytest-timeout"),
    "xdist": ("scenarios side by side", "pytest-xdist"),
    "hypothesis": ("schedules of faults drawn by Hypothesis", "hypothesis"),
}


def examine(options: Options) -> Iterator[Finding]:
    """Yield what is found, in the order in which it is shown; what is tried is undone."""
    yield from backends(options)
    yield from faults()
    yield from packages()
    yield descriptors(*resource.getrlimit(resource.RLIMIT_NOFILE))


def backends(options: Options) -> Iterator[Finding]:
    """Yield Docker, Redis, Postgres and the real Toxiproxy."""
    from pytest_resilience.links.choice import find_program
    from pytest_resilience.services.docker_probe import docker_available
    from pytest_resilience.services.programs import find_postgres, find_redis

    docker = docker_available((options.redis_image, options.postgres_image), pull_within=0)
    to_come = f"; to be pulled when first used: {', '.join(docker.missing)}" if docker.missing else ""
    said = f"{docker.engine}{to_come}" if docker.engine else f"{docker.reason}; the embedded backend needs none"
    yield Finding("Docker", bool(docker.engine), said)
    for name, find in (("Redis, embedded", find_redis), ("Postgres, embedded", find_postgres)):
        yield _tried(name, lambda find=find: f"{find().version}, {find().path}")  # type: ignore[misc]
    # One that is missing is missed by nobody: links have a server of their own.
    yield _tried("the real Toxiproxy", lambda: str(find_program()))


def faults() -> Iterator[Finding]:
    """Yield the faults that need rights or tools, each by trying it."""
    from pytest_resilience.janitor import Janitor
    from pytest_resilience.links.packets.road import PacketRoad
    from pytest_resilience.services.faketime import find_library
    from pytest_resilience.services.own_group import NoGroup, OwnGroup
    from pytest_resilience.services.process import ProcessBackend

    with ExitStack() as stack:
        janitor = Janitor.start()
        stack.callback(janitor.close)

        def lose_packets() -> str:
            road = PacketRoad(janitor, "127.0.0.1:9")
            road.close()
            return f"in a network namespace, by {road.firewall}"

        def group(controller: str) -> str:
            try:
                OwnGroup(janitor, controller, (os.getpid(),)).remove()  # nothing is moved into it
            except NoGroup as error:
                fallback = {
                    "memory": "the limit on the address space is used instead: allocations fail, nobody is killed",
                    "cpu": "SIGSTOP and SIGCONT in turn are used instead",
                }
                raise Unsupported(f"{error}; {fallback[controller]}; run as root, or in a delegated group") from error
            return "by a control group of its own"

        def disk() -> str:
            ProcessBackend(janitor).volume("doctor", 2**20).close()
            return "by a tmpfs"

        yield _tried("lost packets", lose_packets)
        yield _tried("capped(memory=), OOM", lambda: group("memory"))
        yield _tried("throttled(cpu=)", lambda: group("cpu"))
        yield _tried("capped(disk=)", disk)
    library = find_library()
    yield Finding("skewed(clock=)", library is not None, str(library or "install libfaketime (Debian: faketime)"))


def packages() -> Iterator[Finding]:
    """Yield the packages that are not required."""
    for module, (what, extra) in EXTRAS.items():
        yield _package(module, what, f'pip install "pytest-resilience[{extra}]"')
    for module, (what, name) in BESIDE.items():
        yield _package(module, what, f"pip install {name}")


def descriptors(soft: int, hard: int) -> Finding:
    """Return how many connections one driver can hold: it raises its soft limit to the hard one."""
    enough = hard == resource.RLIM_INFINITY or hard > SOCKETS
    most = "any number of" if hard == resource.RLIM_INFINITY else f"{hard:,}"
    remedy = "" if enough else f"; raise the hard limit (ulimit -Hn) to hold {SOCKETS:,}"
    return Finding("open connections", enough, f"{most} descriptors a process (soft limit {soft:,}){remedy}")


def _package(module: str, what: str, remedy: str) -> Finding:
    there = importlib.util.find_spec(module) is not None
    return Finding(module.replace("_", "-"), there, what if there else f"{what}: {remedy}")


def _tried(what: str, attempt: Callable[[], str]) -> Finding:
    try:
        return Finding(what, works=True, said=attempt())
    except (BackendUnavailable, Unsupported, ResilienceError) as error:
        return Finding(what, works=False, said=str(error))
