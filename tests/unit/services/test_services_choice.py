"""Which backend is chosen: every option with every state that Docker can be in, and how the choice is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Literal

import pytest
from fake_daemon import FakeDaemon, fake_daemon

from pytest_resilience.errors import BackendUnavailable
from pytest_resilience.janitor import Janitor
from pytest_resilience.options import BackendName, Options
from pytest_resilience.services import choice as module
from pytest_resilience.services.choice import Choice, choose
from pytest_resilience.services.premises import Premises

REDIS, POSTGRES = "fake/redis:7", "fake/postgres:16"
Docker = Literal["absent", "there", "to be pulled", "half to be pulled", "not to be pulled"]
STATES: dict[Docker, tuple[set[str], set[str]]] = {  # what is there, what a pull would get
    "there": ({REDIS, POSTGRES}, set()),
    "to be pulled": (set(), {REDIS, POSTGRES}),
    "half to be pulled": ({REDIS}, {POSTGRES}),
    "not to be pulled": ({REDIS}, set()),
}
ENGINE = "Docker Engine 20.10.24"


@dataclass
class Machine:
    """A machine on which Docker is in some state."""

    daemon: FakeDaemon | None

    def options(self, backend: BackendName) -> Options:
        return Options(backend=backend, redis_image=REDIS, postgres_image=POSTGRES)

    @property
    def pulls(self) -> int:
        return 0 if self.daemon is None else sum(asked.startswith("POST") for asked in self.daemon.asked)


@pytest.fixture
def machine(request: pytest.FixtureRequest, workshop: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    pytest.importorskip("docker")
    pytest.importorskip("testcontainers")
    state: Docker = request.param
    socket = workshop / "fake.sock"  # short: a socket's path has a limit of about 100 characters
    monkeypatch.setenv("DOCKER_HOST", f"unix://{socket}")
    with ExitStack() as stack:
        daemon = None
        if state != "absent":
            images, pullable = STATES[state]
            daemon = stack.enter_context(fake_daemon(socket, images=images, pullable=pullable))
        yield Machine(daemon)
    socket.unlink(missing_ok=True)


# option, state of Docker, pulling allowed: the backend that is chosen, words of the reason, what is still to be pulled
Expected = tuple[str, str, tuple[str, ...]]
CASES: dict[tuple[BackendName, Docker, bool], Expected] = {
    ("auto", "absent", False): ("process", "fake.sock does not exist", ()),
    ("auto", "absent", True): ("process", "fake.sock does not exist", ()),
    ("auto", "there", False): ("docker", ENGINE, ()),
    ("auto", "there", True): ("docker", ENGINE, ()),
    ("auto", "to be pulled", False): ("docker", ENGINE, (REDIS, POSTGRES)),
    ("auto", "to be pulled", True): ("docker", ENGINE, ()),
    ("auto", "half to be pulled", False): ("docker", ENGINE, (POSTGRES,)),
    ("auto", "half to be pulled", True): ("docker", ENGINE, ()),
    ("auto", "not to be pulled", False): ("docker", ENGINE, (POSTGRES,)),
    ("auto", "not to be pulled", True): ("process", f"image {POSTGRES} is not here and cannot be pulled", ()),
    ("docker", "absent", False): ("error", "fake.sock does not exist", ()),
    ("docker", "absent", True): ("error", "fake.sock does not exist", ()),
    ("docker", "there", False): ("docker", f"asked for; {ENGINE}", ()),
    ("docker", "there", True): ("docker", f"asked for; {ENGINE}", ()),
    ("docker", "to be pulled", False): ("docker", f"asked for; {ENGINE}", (REDIS, POSTGRES)),
    ("docker", "to be pulled", True): ("docker", f"asked for; {ENGINE}", ()),
    ("docker", "half to be pulled", False): ("docker", f"asked for; {ENGINE}", (POSTGRES,)),
    ("docker", "half to be pulled", True): ("docker", f"asked for; {ENGINE}", ()),
    ("docker", "not to be pulled", False): ("docker", f"asked for; {ENGINE}", (POSTGRES,)),
    ("docker", "not to be pulled", True): ("error", f"image {POSTGRES} is not here and cannot be pulled", ()),
}
CASES |= {
    ("process", state, pull): ("process", "asked for", ()) for state in ("absent", *STATES) for pull in (False, True)
}


def test_no_case_is_forgotten() -> None:
    assert set(CASES) == set(product(("auto", "docker", "process"), ("absent", *STATES), (False, True)))


@pytest.mark.parametrize(
    ("backend", "machine", "pull", "expected"),
    [(*case, expected) for case, expected in CASES.items()],
    ids=[f"{backend}, images {state}{', pull' if pull else ''}" for backend, state, pull in CASES],
    indirect=["machine"],
)
def test_the_choice(machine: Machine, backend: BackendName, pull: bool, expected: Expected) -> None:
    chosen, why, awaiting = expected
    if chosen == "error":
        with pytest.raises(BackendUnavailable, match=r"^--resilience-backend=docker: .*; or use .*=auto") as caught:
            choose(machine.options(backend), pull=pull)
        assert why in str(caught.value)
        return
    choice = choose(machine.options(backend), pull=pull)
    assert (choice.backend, choice.awaiting) == (chosen, awaiting)
    assert why in choice.why
    assert "\n" not in str(choice)
    assert pull or not machine.pulls, "a look must not pull"


@pytest.mark.parametrize("machine", ["there"], indirect=True)
def test_who_asks_for_processes_does_not_ask_docker_at_all(machine: Machine) -> None:
    choose(machine.options("process"), pull=True)
    assert machine.daemon is not None and machine.daemon.asked == []


@pytest.mark.parametrize("machine", ["half to be pulled"], indirect=True)
def test_the_header_says_what_is_used_and_what_is_to_come(machine: Machine) -> None:
    assert str(choose(machine.options("auto"), pull=False)) == (
        f"docker backend ({ENGINE}), Redis {REDIS}, Postgres {POSTGRES}; to be pulled when first used: {POSTGRES}"
    )


def test_the_header_names_a_component_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> None:
        raise BackendUnavailable("no redis-server")

    monkeypatch.setattr(module, "find_redis", none)
    assert "process backend (asked for), no Redis, Postgres 1" in str(choose(Options(backend="process"), pull=False))


# The premises take the choice at its word, once and for all.


@pytest.mark.parametrize(
    ("machine", "backend", "note"),
    [
        ("absent", "auto", ""),
        ("there", "auto", "Ryuk is done without"),
        ("to be pulled", "auto", "Ryuk is done without"),
        ("not to be pulled", "auto", f"fell back to the process backend (image {POSTGRES}"),
        ("there", "process", ""),
    ],
    indirect=["machine"],
)
def test_the_premises_are_where_the_choice_says_and_note_what_changed(
    machine: Machine, backend: BackendName, note: str, janitor: Janitor
) -> None:
    premises = Premises.open(machine.options(backend), janitor)
    assert premises.choice.awaiting == ()
    assert (premises.containers is not None) == (premises.choice.backend == "docker")
    assert premises.processes.name == "process"
    assert len(premises.notes) == bool(note)
    assert all(said.startswith(note) for said in premises.notes)


@pytest.mark.parametrize(
    ("machine", "reason"),
    [("absent", "does not exist"), ("not to be pulled", "cannot be pulled")],
    indirect=["machine"],
)
def test_docker_that_was_asked_for_and_cannot_be_had_is_an_error_and_no_fallback(
    machine: Machine, reason: str, janitor: Janitor
) -> None:
    with pytest.raises(BackendUnavailable, match=rf"--resilience-backend=docker: .*{reason}"):
        Premises.open(machine.options("docker"), janitor)


def test_the_servers_of_the_premises_end_with_their_stack(janitor: Janitor) -> None:
    choice = Choice("process", "asked for", ())
    premises = Premises(Options(), choice, Premises.open(Options(backend="process"), janitor).processes, None, [])
    with ExitStack() as ends:
        redis = premises.redis(ends)
        assert redis.command("PING") == "PONG"
    assert not redis.running
