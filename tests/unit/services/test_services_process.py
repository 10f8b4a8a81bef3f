"""Units as processes of this host: whole families, real signals, nothing left."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pytest_resilience.errors import BackendUnavailable, ServiceNotReady, ServiceStateError, UsageError
from pytest_resilience.janitor.process import look
from pytest_resilience.services.backend import Spec
from pytest_resilience.services.process import ProcessBackend
from pytest_resilience.services.process_unit import Process
from pytest_resilience.services.service import Service
from pytest_resilience.waiting import wait_until

Run = Callable[..., Process]
# A family of three: a main process, a child in its group, and a grandchild in a session of its own,
# which each say their pid. As Postgres' backends do, the last one has cut every tie but its parent's.
FAMILY = """
sh -c 'echo member $$; while :; do sleep 0.05; done' &
setsid sh -c 'echo member $$; while :; do sleep 0.05; done' &
echo member $$
while :; do sleep 0.05; done
"""


@pytest.fixture
def run(backend: ProcessBackend) -> Iterator[Run]:
    units: list[Process] = []

    def start(script: str, **spec: object) -> Process:
        unit = backend.unit(Spec(**{"name": "app", "command": ("sh", "-c", script), **spec}))
        units.append(unit)
        unit.start()
        return unit

    yield start
    for unit in units:
        unit.remove()


def family(unit: Process) -> list[int]:
    """Return the pids of the three, once all have said them."""

    def said() -> list[int]:
        return [int(line.split()[1]) for line in unit.logs().splitlines() if line.startswith("member")]

    wait_until(lambda: len(said()) == 3, within=10)
    return said()


def state(pid: int) -> str:
    process = look(pid)
    return "gone" if process is None or process.gone else process.state


def test_all_of_a_family_belongs_to_the_unit(run: Run) -> None:
    unit = run(FAMILY)
    members = family(unit)
    assert set(members) <= set(unit.pids)
    assert unit.usage().processes >= 3


def test_the_main_process_comes_first(run: Run) -> None:
    unit = run("echo member $$; exec sleep 60")
    wait_until(unit.logs, within=10)
    assert unit.pids == (int(unit.logs().split()[1]),)


def test_a_kill_takes_the_whole_family(run: Run) -> None:
    unit = run(FAMILY)
    members = family(unit)
    unit.kill()
    assert [state(pid) for pid in members] == ["gone"] * 3


def test_a_pause_stops_the_whole_family_and_a_resume_lets_it_go_on(run: Run) -> None:
    unit = run(FAMILY)
    members = family(unit)
    unit.pause()
    assert [state(pid) for pid in members] == ["T"] * 3
    unit.resume()
    assert "T" not in {state(pid) for pid in members}


def test_what_a_dead_main_process_leaves_in_its_group_ends_too(run: Run) -> None:
    unit = run("sleep 60 & echo member $!; exit 5")
    wait_until(lambda: not unit.running, within=10)
    (left,) = [int(line.split()[1]) for line in unit.logs().splitlines()]
    assert unit.exit_status() == 5
    assert state(left) == "gone"


def test_what_is_left_in_a_private_directory_ends_with_its_unit(run: Run, backend: ProcessBackend) -> None:
    home = backend.place("home")
    # Forked twice and in a session of its own: only its directory tells whose it is.
    unit = run("(setsid sh -c 'echo member $$; exec sleep 60' &); sleep 0.2; exit 5", directory=home)
    wait_until(lambda: not unit.running, within=10)
    (left,) = [int(line.split()[1]) for line in unit.logs().splitlines()]
    assert state(left) == "gone"


def test_no_zombie_is_left(run: Run) -> None:
    unit = run("exit 0")
    pid = unit._child.pid
    wait_until(lambda: not unit.running, within=10)
    assert look(pid) is None


def test_the_journal_forgets_what_has_ended(run: Run, backend: ProcessBackend) -> None:
    unit = run("sleep 60")
    promise = unit._child.promise
    assert promise.outstanding
    unit.kill()
    assert not promise.outstanding


def test_a_unit_has_the_environment_of_pytest_and_its_own(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FROM_PYTEST", "a")
    monkeypatch.setenv("IN_BOTH", "b")
    unit = run("echo $FROM_PYTEST $IN_BOTH; exit", env={"IN_BOTH": "c"})
    wait_until(lambda: not unit.running, within=10)
    assert unit.logs() == "a c\n"


def test_a_unit_runs_in_its_directory(run: Run, tmp_path: Path) -> None:
    unit = run("pwd", directory=tmp_path)
    wait_until(lambda: not unit.running, within=10)
    assert unit.logs() == f"{tmp_path}\n"


def test_a_log_that_is_not_text_can_be_read(run: Run) -> None:
    unit = run(r"printf '\377ok'")
    wait_until(lambda: not unit.running, within=10)
    assert unit.logs() == "\ufffdok"


def test_the_stop_signal_is_the_one_of_the_spec(run: Run) -> None:
    unit = run("trap 'exit 4' INT; echo up; while :; do sleep 0.02; done", stop_signal=signal.SIGINT)
    wait_until(unit.logs, within=10)
    assert unit.stop(10)
    assert unit.exit_status() == 4


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, who alone has to look like somebody else")
def test_a_unit_that_refuses_to_be_root_is_not(run: Run) -> None:
    unit = run("id -u", as_user=True)
    wait_until(lambda: not unit.running, within=10)
    assert int(unit.logs()) != 0


def test_a_program_that_does_not_exist_is_named(backend: ProcessBackend) -> None:
    unit = backend.unit(Spec(name="ghost", command=("no-such-program",)))
    with pytest.raises(BackendUnavailable, match="no-such-program"):
        unit.start()
    assert not unit.running


def test_a_spec_without_a_command_is_refused(backend: ProcessBackend) -> None:
    with pytest.raises(UsageError, match="app: the process backend needs a command"):
        backend.unit(Spec(name="app", image="app:1"))


def test_two_running_units_of_one_name_are_refused(run: Run, backend: ProcessBackend) -> None:
    run("sleep 60")
    with pytest.raises(UsageError, match="app: a service of this name is running"):
        backend.unit(Spec(name="app", command=("true",)))


def test_a_service_that_dies_while_it_starts_is_not_waited_for(backend: ProcessBackend) -> None:
    script = "import sys; sys.exit('cannot open the database')"
    service = Service(backend.unit(Spec(name="doomed", command=(sys.executable, "-c", script), port=1)), within=3600)
    with pytest.raises(ServiceNotReady, match="exit status 1(.|\n)*cannot open the database"):
        service.start()


def test_what_has_ended_uses_nothing(run: Run) -> None:
    unit = run("exit 6")
    wait_until(lambda: not unit.running, within=10)
    with pytest.raises(ServiceStateError, match="it ended with 6"):
        unit.usage()


def test_usage_counts_what_a_program_does(run: Run) -> None:
    unit = run("echo up; while :; do :; done")
    before = unit.usage()
    wait_until(lambda: unit.usage().cpu_seconds > before.cpu_seconds, within=10)
    usage = unit.usage()
    assert usage.threads == usage.processes == 1
    assert usage.descriptors >= 3


def test_a_worker_in_a_session_of_its_own_ends_with_a_main_process_that_ends_by_itself(run: Run) -> None:
    unit = run(f"trap 'exit 0' TERM; {FAMILY}")
    members = family(unit)
    assert unit.stop(10)
    assert [state(pid) for pid in members] == ["gone"] * 3


def test_a_shell_is_paused_also_in_the_middle_of_starting_a_program(backend: ProcessBackend) -> None:
    # It sleeps in vfork then, and cannot stop before its child, which is stopped, has become the program.
    unit = backend.unit(
        Spec(name="busy", command=("sh", "-c", "trap 'exit 3' TERM; while :; do true & /bin/true; done"))
    )
    unit.start()
    for _ in range(30):
        unit.pause()
        unit.resume()
    unit.pause()
    assert unit.stop(10)
    assert unit.exit_status() == 3
