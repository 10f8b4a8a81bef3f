"""Everything with a lifetime, as fixtures.

What is dear to start (the janitor, Redis, Postgres, the link server) lives as long as the session; what
a test is given is fresh: Redis empty, Postgres from its template, links and services its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, TypeVar

import pytest

from pytest_resilience.errors import NotHealed, UsageError
from pytest_resilience.options import Options, Sized
from pytest_resilience.report.hooks import ProgressHooks
from pytest_resilience.report.story import Story

if TYPE_CHECKING:
    from toxiproxy import Toxiproxy as PythonClient

    from pytest_resilience.faults.fault import Fault
    from pytest_resilience.faults.monkey import Monkey
    from pytest_resilience.hogs.hogs import Hogs
    from pytest_resilience.janitor import Janitor
    from pytest_resilience.links.host import LinkServer
    from pytest_resilience.links.linker import Linker
    from pytest_resilience.load.loader import Loader
    from pytest_resilience.services.clusters import PostgresClusters, RedisClusters
    from pytest_resilience.services.postgres import PostgresServer
    from pytest_resilience.services.premises import Premises
    from pytest_resilience.services.redis import RedisServer
    from pytest_resilience.services.starter import Starter

    Server = TypeVar("Server", RedisServer, PostgresServer)

# Where the plugin keeps what belongs to a session, and to a test.
OPTIONS = pytest.StashKey[Options]()
NOTES = pytest.StashKey[list[str]]()
STORY = pytest.StashKey[Story]()
PROGRESS = pytest.StashKey[ProgressHooks]()


@pytest.fixture(scope="session")
def resilience_options(pytestconfig: pytest.Config) -> Options:
    """The options of pytest-resilience, resolved: backend, seed, size, images, allowed targets."""
    return pytestconfig.stash[OPTIONS]


@pytest.fixture(scope="session")
def _janitor(pytestconfig: pytest.Config) -> Iterator[Janitor]:
    from pytest_resilience.janitor import Janitor

    janitor = Janitor.start()
    pytestconfig.stash[NOTES].extend(f"swept after a run that was killed: {done}" for done in janitor.swept)
    yield janitor
    left = janitor.close()
    if left:
        raise NotHealed("left behind at the end of the session, and undone by the janitor: " + "; ".join(left))


@pytest.fixture(scope="session")
def _premises(resilience_options: Options, _janitor: Janitor, pytestconfig: pytest.Config) -> Premises:
    from pytest_resilience.services.premises import Premises

    premises = Premises.open(resilience_options, _janitor)
    pytestconfig.stash[NOTES].extend(premises.notes)
    return premises


@pytest.fixture(scope="session")
def resilience_backend(_premises: Premises) -> str:
    """The backend in use: "docker" or "process"."""
    return _premises.choice.backend


@pytest.fixture(scope="session")
def _session_redis(_premises: Premises) -> Iterator[RedisServer]:
    with ExitStack() as ends:
        yield _premises.redis(ends)


@pytest.fixture(scope="session")
def _session_postgres(_premises: Premises) -> Iterator[PostgresServer]:
    with ExitStack() as ends:
        yield _premises.postgres(ends)


@pytest.fixture(scope="session")
def _link_server(_janitor: Janitor, resilience_options: Options) -> Iterator[LinkServer]:
    from pytest_resilience.links.choice import link_server
    from pytest_resilience.links.process import arguments
    from pytest_resilience.services.ports import lease_port
    from pytest_resilience.services.tool import start_tool

    server = link_server(
        resilience_options,
        _janitor,
        lease=lease_port,
        start_image=lambda ends: start_tool(_janitor, ends, "toxiproxy", resilience_options.toxiproxy_image, arguments),
    )
    yield server
    server.close()


@pytest.fixture
def _story(request: pytest.FixtureRequest) -> Story:
    story: Story = request.node.stash[STORY]
    return story


@pytest.fixture
def seed(request: pytest.FixtureRequest, resilience_options: Options) -> int:
    """This test's own seed, derived from the session's and the test's node id: the same in every replay."""
    return resilience_options.seed_for(request.node.nodeid)


@pytest.fixture(scope="session")
def sized(resilience_options: Options) -> Sized:
    """Picks by `--resilience-size`: `seconds = sized(quick=3, standard=60, full=600)`.

    So that the same scenario runs at CI length, at nightly length, and at its full figures.
    """
    return resilience_options.sized


@pytest.fixture
def redis_server(_session_redis: RedisServer, _story: Story) -> RedisServer:
    """A real Redis, running and empty.

    `url`, `command("SET", "key", "value")`, `logs()`, `usage()`; faults: `killed() stopped() paused() restarted()
    flushed()`. It keeps what it holds over a crash, as an append-only file does.
    """
    return _fresh(_session_redis, _story)


@pytest.fixture
def postgres_server(_session_postgres: PostgresServer, _story: Story) -> PostgresServer:
    """A real Postgres with an empty database.

    `url`, `query("SELECT 1")`, `logs()`, `usage()`; faults: `killed() stopped() paused() restarted()
    connections_terminated()`.
    """
    return _fresh(_session_postgres, _story)


@pytest.fixture
def service(_premises: Premises, _story: Story) -> Iterator[Starter]:
    """Starts your own command, or image on the docker backend, and returns it when it is ready.

    `service(sys.executable, "-m", "shop", "--port", "{port}", env={"REDIS_URL": redis_server.url}, ready="/health")`.
    What it starts has `url`, `logs()`, `usage()` and the faults `killed() stopped() paused() restarted()
    capped(memory=, fds=, disk=) throttled(cpu=)`; with `disk=SIZE` it has a disk of its own, at `{disk}`.
    """
    from pytest_resilience.services.starter import Starter

    starter = Starter(
        _premises.processes,
        _premises.containers,
        started=lambda one: _story.services.__setitem__(one.name, one),
        running=lambda one: _story.targets.__setitem__(one.name, one),
    )
    yield starter
    starter.close()


@pytest.fixture
def link(
    _link_server: LinkServer, _janitor: Janitor, resilience_options: Options, seed: int, _story: Story
) -> Iterator[Linker]:
    """Puts a road that can be broken in front of a service or an address, and returns it.

    `link(postgres_server)`: connect to `link.url` instead; faults: `severed() flapping(up=, down=) half_open() reset()
    limited(size) frozen() slowed(latency) throttled(rate) sliced(size) slow_closing(delay) toxic(...)`;
    `point_at(other)` leads elsewhere, `traffic` says what went through it. `link(postgres_server, packets=True)` can
    lose packets as well: `lossy(0.1) partitioned() narrowed(rate)`.
    """
    from pytest_resilience.links.linker import Linker
    from pytest_resilience.links.packets.road import PacketRoad
    from pytest_resilience.services.ports import lease_port

    _link_server.ensure_fresh()
    linker = Linker(
        _link_server,
        lease=lease_port,
        allowed=resilience_options.check_target,
        road=lambda target: PacketRoad(_janitor, target),
        seed=seed,
        made=lambda one: _story.targets.__setitem__(one.name, one),
    )
    yield linker
    linker.close()


@pytest.fixture
def postgres_cluster(_premises: Premises, link: Linker, _story: Story) -> Iterator[PostgresClusters]:
    """Starts a Postgres primary and its standby: `postgres_cluster(synchronous=True).failed_over()`."""
    from pytest_resilience.services.clusters import PostgresClusters

    with closing(PostgresClusters(_premises, link, _story.services.__setitem__, _story.targets)) as clusters:
        yield clusters


@pytest.fixture
def hogs(_janitor: Janitor, resilience_options: Options) -> Hogs:
    """Takes what the host has, up to a share, and gives it back: `with hogs.memory(share=0.9): run.hold(5)`.

    Faults: `cpu(share=) memory(share= | bytes=) disk(share= | bytes=, path=) io() descriptors(n) connections(to, n=)
    vram(share=)`; several with `together(...)`. Each stops at a floor that keeps the host alive.
    """
    from pytest_resilience.hogs.hogs import Hogs

    return Hogs(_janitor, allowed=resilience_options.check_target)


@pytest.fixture
def redis_cluster(_premises: Premises, link: Linker, _story: Story) -> Iterator[RedisClusters]:
    """Starts a Redis primary and its replica: `redis_cluster(sentinel=True).failed_over()`."""
    from pytest_resilience.services.clusters import RedisClusters

    with closing(RedisClusters(_premises, link, _story.services.__setitem__, _story.targets)) as clusters:
        yield clusters


@pytest.fixture
def toxiproxy(_link_server: LinkServer) -> Iterator[PythonClient]:
    """The client of the package `toxiproxy-python`, connected to the server behind links.

    `toxiproxy.create("127.0.0.1:6379", "cache").add_toxic(type="latency", attributes={"latency": 100})`. The
    proxies that a test makes with it are removed at its end.
    """
    from pytest_resilience.links.lent import lent

    with lent(_link_server.client) as client:
        yield client


@pytest.fixture
def load(
    _janitor: Janitor, resilience_options: Options, seed: int, _story: Story, pytestconfig: pytest.Config
) -> Iterator[Loader]:
    """Drives load beside the test, from a process of its own: `with load(Get(url), rate=200) as run: run.hold(5)`.

    At a `rate=` that does not wait for replies, or with `users=` who do; a number or a profile (`ramp`, `spike`, ...).
    Then `run.before(outage)`, `run.during(outage)`, `run.after(outage)`, `run.recovery(outage, to=SLO(...))`.
    """
    from pytest_resilience.load.loader import Loader
    from pytest_resilience.load.locust_run import LocustSettings

    locust = LocustSettings.of(resilience_options)
    watch = pytestconfig.stash[PROGRESS].watch(_story.timeline, pytestconfig.stash[NOTES].append)
    loader = Loader(_janitor, seed=seed, allowed=resilience_options.check_target, locust=locust, watcher=watch)
    _story.runs = loader.runs
    yield loader
    loader.end()
    if _story.passed:  # one that failed or skipped before it drove its load has said why
        loader.close()


@pytest.fixture
def monkey(seed: int) -> Monkey:
    """Strikes faults at random while a body runs, as the seed draws them, and heals them all.

    `with monkey(redis_server.killed, link.severed, gap=(0.5, 2), lasting=(0.2, 1)) as mischief: run.hold(30)`.
    """
    from pytest_resilience.faults.monkey import Monkey

    return Monkey(seed)


@pytest.fixture
def matrix_fault(request: pytest.FixtureRequest, _story: Story) -> Iterator[Fault]:
    """The fault of one cell of a fault matrix, inert: enter it with `with`.

    `@pytest.mark.parametrize("matrix_fault", fault_matrix({"redis_server": "killed paused"}), indirect=True)`.
    """
    from pytest_resilience.faults.matrix import Cell

    cell = getattr(request, "param", None)
    if not isinstance(cell, Cell):
        raise UsageError(
            f"matrix_fault was given {cell!r}: parametrise the test with it, "
            '@pytest.mark.parametrize("matrix_fault", fault_matrix({...}), indirect=True)'
        )
    fault = cell.of(request.getfixturevalue(cell.dish.target))
    _story.cells.append(fault.name)
    yield fault
    if _story.passed and fault.name not in {episode.name for episode in _story.timeline.episodes}:
        raise UsageError(
            f"matrix_fault: {fault.name} was never struck, so the test has shown nothing; "
            "enter it: `with matrix_fault:`"
        )


def _fresh(server: Server, story: Story) -> Server:
    server.ensure_fresh()
    story.services[server.name] = server
    story.targets[server.name] = server
    return server
