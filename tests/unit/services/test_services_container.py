from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import redis
from cluster_makers import POSTGRES_IMAGE
from docker_here import LABEL, PYTHON, REDIS, containers, left_of, need_docker, program

from pytest_resilience.errors import BackendUnavailable, ServiceNotReady, ServiceStateError, UsageError
from pytest_resilience.janitor import Janitor
from pytest_resilience.services.backend import Spec
from pytest_resilience.services.container import ContainerBackend
from pytest_resilience.services.container_unit import Container
from pytest_resilience.services.postgres import PostgresServer
from pytest_resilience.waiting import wait_until

pytestmark = pytest.mark.docker
SLEEPS = "import time; print('up'); time.sleep(600)"


@pytest.fixture(scope="module")
def backend(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ContainerBackend]:
    need_docker(request.config)
    with Janitor.start(directory=tmp_path_factory.mktemp("state") / "janitor") as janitor:
        yield ContainerBackend(janitor)


@pytest.fixture
def port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def redis_unit(backend: ContainerBackend, port: int) -> Iterator[Container]:
    command = ("redis-server", "--appendonly", "yes", "--appendfsync", "always")
    unit = backend.unit(Spec(name="redis", image=REDIS, command=command, port=port, container_port=6379))
    unit.start()
    wait_until(lambda: ask(port, "PING"), within=20, on=(redis.RedisError,))
    yield unit
    unit.remove()


def ask(port: int, *command: str) -> object:
    with redis.Redis(port=port, socket_timeout=0.5, retry=None) as client:
        answer: object = client.execute_command(*command)
        return answer


def test_a_published_port_and_what_is_on_disk_survive_a_kill_and_a_start(redis_unit: Container, port: int) -> None:
    ask(port, "SET", "key", "kept")
    redis_unit.kill()
    assert (redis_unit.running, redis_unit.exit_status(), redis_unit.pids) == (False, -9, ())
    with pytest.raises(redis.ConnectionError):
        ask(port, "PING")
    redis_unit.start()
    assert wait_until(lambda: ask(port, "GET", "key"), within=20, on=(redis.RedisError,)) == b"kept"
    assert redis_unit.logs().count("Redis is starting") == 2


def test_a_published_port_is_bound_to_loopback_alone(redis_unit: Container, port: int) -> None:
    with closing(socket.socket()) as elsewhere:
        # Nobody else could listen there if it were bound to every address.
        elsewhere.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        elsewhere.bind(("127.0.0.2", port))
        elsewhere.listen()


def test_a_paused_container_is_silent_until_it_is_resumed(redis_unit: Container, port: int) -> None:
    redis_unit.pause()
    redis_unit.pause()  # nothing new
    assert redis_unit.running
    with pytest.raises(redis.TimeoutError):
        ask(port, "PING")
    assert redis_unit.usage().processes == 1
    redis_unit.resume()
    assert ask(port, "PING")


@pytest.mark.parametrize("end", ["kill", "stop", "remove"])
def test_a_paused_container_can_be_ended(redis_unit: Container, end: str) -> None:
    redis_unit.pause()
    if end == "stop":
        assert redis_unit.stop(within=20)  # by itself, once it is resumed
        assert redis_unit.exit_status() == 0
    else:
        getattr(redis_unit, end)()
    assert not redis_unit.running


def test_a_postgres_that_is_washed_does_not_complain_of_its_settings(
    backend: ContainerBackend, port: int, pytestconfig: pytest.Config
) -> None:
    need_docker(pytestconfig, (POSTGRES_IMAGE,))
    server = PostgresServer.in_container(backend, POSTGRES_IMAGE, port=port)
    server.start()
    try:
        server.query("CREATE TABLE mine (id int)")
        server.ensure_fresh()
        wait_until(lambda: "received SIGHUP" in server.logs(), within=10, what="it has read its settings again")
        assert server.query("SELECT 1 FROM pg_tables WHERE tablename = 'mine'") == []
        assert "cannot be changed" not in server.logs()
        wait_until(lambda: server.query("SHOW fsync") == [("off",)], within=10)
    finally:
        server.remove()


def test_a_program_in_the_hosts_network_ends_at_the_stop_signal_without_handling_it(
    backend: ContainerBackend, port: int
) -> None:
    code = f"import socket; s = socket.create_server(('127.0.0.1', {port})); print('up'); s.accept()[0].recv(9)"
    unit = program(backend, code, port=port)
    unit.start()
    wait_until(lambda: "up" in unit.logs(), within=20)
    socket.create_connection(("127.0.0.1", port), 5).close()
    unit.stop(within=20)
    unit.start()  # the same port again
    wait_until(lambda: unit.logs().count("up") == 2, within=20)
    assert unit.stop(within=20)
    assert unit.exit_status() == -signal.SIGTERM
    unit.remove()


def test_a_program_that_ignores_the_stop_signal_is_killed_and_that_is_told(backend: ContainerBackend) -> None:
    unit = program(backend, "import signal; signal.signal(15, signal.SIG_IGN); " + SLEEPS)
    unit.start()
    wait_until(lambda: "up" in unit.logs(), within=20)
    assert not unit.stop(within=0.1)
    assert unit.exit_status() == -9
    unit.remove()


def test_the_pids_are_the_programs_and_not_the_inits(backend: ContainerBackend) -> None:
    unit = program(backend, "import subprocess; c = subprocess.Popen(['sleep', '600']); print('up'); c.wait()")
    unit.start()
    assert b"import subprocess" in Path(f"/proc/{unit.pids[0]}/cmdline").read_bytes()
    wait_until(lambda: "up" in unit.logs(), within=20)
    assert [Path(f"/proc/{pid}/comm").read_text() for pid in unit.pids] == ["python\n", "sleep\n"]
    usage = unit.usage()
    assert (usage.processes, usage.threads) == (2, 2)
    assert usage.cpu_seconds > 0
    assert usage.rss > 1_000_000
    assert usage.descriptors is None or usage.descriptors >= 6
    unit.remove()


@pytest.mark.parametrize(
    "spec",
    [
        Spec(name="gone", image="127.0.0.1:1/none:latest"),
        Spec(name="gone", image=PYTHON, command=("no-such-program",)),
    ],
    ids=["image", "program"],
)
def test_what_cannot_be_run_is_named_and_nothing_is_left_of_it(backend: ContainerBackend, spec: Spec) -> None:
    before = repr(backend.janitor)
    with pytest.raises(BackendUnavailable, match="gone|127.0.0.1:1/none"):
        backend.unit(spec).start()
    assert left_of(backend) == []
    assert repr(backend.janitor) == before


def test_a_port_that_is_taken_is_named_and_nothing_is_left(backend: ContainerBackend) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        spec = Spec(name="late", image=REDIS, port=taken.getsockname()[1], container_port=6379)
        with pytest.raises(ServiceNotReady, match="late: the container cannot be started: .*already in use"):
            backend.unit(spec).start()
    assert left_of(backend) == []


def test_what_a_unit_that_does_not_run_cannot_do(backend: ContainerBackend) -> None:
    unit = program(backend, SLEEPS)
    assert (unit.running, unit.pids, unit.logs(), unit.exit_status()) == (False, (), "", None)
    unit.kill()
    assert unit.stop(within=1)
    for verb in (unit.pause, unit.resume, unit.usage):
        with pytest.raises(ServiceStateError, match="program: cannot be .* is not running"):
            verb()
    unit.start()
    with pytest.raises(ServiceStateError, match="cannot be started, .* is running"):
        unit.start()
    unit.remove()
    unit.remove()
    assert not unit.running


def test_units_of_the_same_name_have_containers_of_their_own(backend: ContainerBackend) -> None:
    units = [program(backend, SLEEPS, name="a worker") for _ in range(2)]
    for unit in units:
        unit.start()
    stem = f"pytest-resilience-{backend.janitor.token[:8]}-a-worker"
    assert sorted(left_of(backend)) == [stem, f"{stem}-2"]
    for unit in units:
        unit.remove()
    assert left_of(backend) == []


def test_a_unit_without_an_image_or_with_half_a_port_is_a_misuse(backend: ContainerBackend) -> None:
    with pytest.raises(UsageError, match="app: the docker backend needs an image"):
        backend.unit(Spec(name="app", command=("true",)))
    with pytest.raises(UsageError, match="app: container_port=80 needs the port"):
        backend.unit(Spec(name="app", image=PYTHON, container_port=80))


def test_without_its_image_ryuk_is_done_without_and_that_is_said(
    backend: ContainerBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    from testcontainers.core.config import testcontainers_config as config

    monkeypatch.setattr(config, "ryuk_image", "127.0.0.1:1/ryuk:none")
    monkeypatch.setattr(config, "_ryuk_disabled", False)
    assert ContainerBackend(backend.janitor).notes == ["Ryuk is done without: no image 127.0.0.1:1/ryuk:none"]
    monkeypatch.setattr(config, "_ryuk_disabled", True)
    assert ContainerBackend(backend.janitor).notes == []


def test_testcontainers_keeps_the_configuration_that_a_suite_gave_it(backend: ContainerBackend) -> None:
    from testcontainers.core.config import testcontainers_config as config

    before = (config.ryuk_disabled, config.tc_host_override, config.connection_mode_override, config.sleep_time)
    unit = program(backend, SLEEPS)
    unit.start()
    unit.remove()
    after = (config.ryuk_disabled, config.tc_host_override, config.connection_mode_override, config.sleep_time)
    assert after == before


OWNER = """
import sys, time
from pathlib import Path
from docker_here import REDIS, program
from pytest_resilience.janitor import Janitor
from pytest_resilience.services.backend import Spec
from pytest_resilience.services.container import ContainerBackend

backend = ContainerBackend(Janitor.start(directory=Path(sys.argv[1])))
units = [program(backend, "import time; time.sleep(600)", name=name) for name in ("runs", "hangs", "ended")]
for unit in units:
    unit.start()
units[1].pause()
units[2].kill()
print(backend.janitor.token, flush=True)
time.sleep(600)
"""


def test_containers_of_an_owner_that_is_killed_are_removed_paused_ones_too(
    backend: ContainerBackend, tmp_path: Path
) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    command = [sys.executable, "-c", OWNER, str(tmp_path / "state")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as owner:
        assert owner.stdout is not None
        token = owner.stdout.readline().strip()
        assert len(containers(backend.address, token)) == 3, f"no three containers with {LABEL}={token}"
        owner.kill()
    wait_until(lambda: not containers(backend.address, token), within=20, what="all containers are removed")
