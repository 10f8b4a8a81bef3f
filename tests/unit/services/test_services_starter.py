"""The starter: ports, names, settings and ends of a test's own services, on units that run nothing."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fakes import FakeUnit, Program

from pytest_resilience.errors import ServiceNotReady, UsageError
from pytest_resilience.services.backend import Spec
from pytest_resilience.services.readiness import accepts
from pytest_resilience.services.service import Service
from pytest_resilience.services.starter import Starter


class FakeBackend:
    def __init__(self, name: str) -> None:
        self.name = name
        self.program = Program()
        self.units: list[FakeUnit] = []

    def describe(self) -> str:
        return self.name

    def unit(self, spec: Spec) -> FakeUnit:
        self.units.append(FakeUnit(spec, self.program))
        return self.units[-1]


@pytest.fixture
def processes() -> FakeBackend:
    return FakeBackend("process")


@pytest.fixture
def containers() -> FakeBackend:
    return FakeBackend("docker")


@pytest.fixture
def told() -> list[Service]:
    return []


@pytest.fixture
def start(processes: FakeBackend, told: list[Service]) -> Iterator[Starter]:
    starter = Starter(processes, None, started=told.append)
    yield starter
    starter.close()


@pytest.fixture
def start_docker(processes: FakeBackend, containers: FakeBackend) -> Iterator[Starter]:
    starter = Starter(processes, containers, started=lambda _: None)
    yield starter
    starter.close()


def test_a_service_is_returned_when_it_is_ready(start: Starter) -> None:
    app = start("shop")
    assert app.running
    assert accepts(app.port)


def test_the_port_stands_in_for_its_placeholder_wherever_that_is(start: Starter, processes: FakeBackend) -> None:
    settings = {"PORT": "{port}", "BRACES": '{"a": 1}', "P": Path("y")}
    app = start("shop", "--at", "{host}:{port}", Path("x"), env=settings)
    (unit,) = processes.units
    assert unit.spec.command == ("shop", "--at", f"{{host}}:{app.port}", "x")
    assert unit.spec.env == {"PORT": str(app.port), "BRACES": '{"a": 1}', "P": "y"}


def test_every_service_has_a_port_of_its_own(start: Starter) -> None:
    assert len({start("shop").port for _ in range(3)}) == 3


def test_services_of_one_name_are_numbered(start: Starter) -> None:
    names = [start("shop", name=name).name for name in ("shop", "shop", "shop-3", "shop", "bank")]
    assert names == ["shop", "shop-2", "shop-3", "shop-4", "bank"]


def test_a_worker_listens_nowhere(start: Starter) -> None:
    worker = start("worker", port=False)
    with pytest.raises(UsageError, match="listens nowhere"):
        _ = worker.port


def test_what_the_caller_asks_for_reaches_the_unit(start: Starter, processes: FakeBackend, tmp_path: Path) -> None:
    app = start("shop", scheme="grpc", directory=tmp_path, stop_signal=2)
    assert app.url.startswith("grpc://127.0.0.1:")
    assert (processes.units[0].spec.directory, processes.units[0].spec.stop_signal) == (tmp_path, 2)


def test_a_service_is_told_of_before_it_starts_so_that_the_log_of_a_failed_one_is_kept(
    start: Starter, processes: FakeBackend, told: list[Service]
) -> None:
    processes.program = Program(says="no such table\n", ends=1)
    with pytest.raises(ServiceNotReady, match=r"ended with exit status 1[\s\S]*no such table"):
        start("shop")
    assert [service.logs() for service in told] == ["no such table\n"]


def test_all_end_with_the_test_the_last_first_and_give_their_ports_back(
    processes: FakeBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[str] = []
    remove = FakeUnit.remove

    def noted(unit: FakeUnit) -> None:
        ended.append(unit.spec.name)
        remove(unit)

    monkeypatch.setattr(FakeUnit, "remove", noted)
    start = Starter(processes, None, started=lambda _: None)
    ports = [start("shop", name=name).port for name in ("first", "second")]
    start.close()
    assert ended == ["second", "first"]
    for port in ports:
        socket.create_server(("127.0.0.1", port)).close()


def test_a_service_that_never_became_ready_is_removed_too(processes: FakeBackend) -> None:
    processes.program = Program(ends=1)
    start = Starter(processes, None, started=lambda _: None)
    with pytest.raises(ServiceNotReady):
        start("shop")
    start.close()
    assert processes.units[0].removed


@pytest.mark.parametrize(
    ("image", "where"), [(None, "process"), ("shop:1", "docker")], ids=["a command", "a command with an image"]
)
def test_on_the_docker_backend_what_has_an_image_runs_there(
    start_docker: Starter, processes: FakeBackend, containers: FakeBackend, image: str | None, where: str
) -> None:
    start_docker("shop", image=image)
    assert len(processes.units) == (where == "process")
    assert [unit.spec.image for unit in containers.units] == ([image] if where == "docker" else [])


def test_on_the_docker_backend_an_image_runs_its_own_command(start_docker: Starter, containers: FakeBackend) -> None:
    start_docker(image="shop:1", env={"PORT": "{port}"})
    (unit,) = containers.units
    assert unit.spec.command == ()
    assert unit.spec.env == {"PORT": str(unit.spec.port)}


def test_on_the_process_backend_the_command_stands_in_for_the_image(start: Starter, processes: FakeBackend) -> None:
    start("shop", image="shop:1")
    assert processes.units[0].spec.command == ("shop",)


MISTAKES: dict[str, tuple[Callable[[Starter], object], str]] = {
    "nothing to run": (lambda start: start(), "no command to run"),
    "an image alone": (lambda start: start(image="shop:1", name="shop"), "'shop'.*runs on the docker backend only"),
    "a list": (lambda start: start(["python", "-m", "shop"]), "of the command is .'python'.*of type list.*one by one"),
    "a number": (lambda start: start("shop", 80), "a word of the command is 80, of type int"),
    "a setting of nothing": (lambda start: start("shop", env={"URL": None}), r"env\['URL'\] is None"),
    "a port for nobody": (lambda start: start("w", "{port}", port=False), r"port=False.*\{port\} is used"),
    "a port for nobody's setting": (lambda start: start("w", port=False, env={"P": "{port}"}), r"\{port\} is used"),
    "a path without a port": (lambda start: start("w", port=False, ready="/health"), "has no port"),
    "no path": (lambda start: start("shop", ready="health"), "'health' is no path"),
    "no question": (lambda start: start("shop", ready=200), "ready=200"),
    "no time": (lambda start: start("shop", within=0), "within=0 must be positive"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_what_cannot_be_meant_is_refused_before_anything_starts(
    start: Starter, processes: FakeBackend, mistake: str
) -> None:
    make, message = MISTAKES[mistake]
    with pytest.raises(UsageError, match=message):
        make(start)
    assert not any(unit.running for unit in processes.units)
