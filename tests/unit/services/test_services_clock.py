"""A service whose clock is wrong, or whose starts take long: on a unit that runs nothing, and on real programs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import FakeUnit

from pytest_resilience.errors import FaultDidNotBite, ServiceStateError, Unsupported, UsageError
from pytest_resilience.janitor import Janitor
from pytest_resilience.janitor.process import look
from pytest_resilience.services import faketime, process_clock
from pytest_resilience.services.backend import Spec
from pytest_resilience.services.faketime import find_library
from pytest_resilience.services.postgres import PostgresServer
from pytest_resilience.services.process import ProcessBackend
from pytest_resilience.services.redis import RedisServer
from pytest_resilience.services.service import Service
from pytest_resilience.services.sleep_library import sleep_library
from pytest_resilience.waiting import wait_until

HOUR = 3600.0
# Where it is installed the tests may not be skipped, and the checks of every change install it.
needs_library = pytest.mark.skipif(
    find_library() is None and "CI" not in os.environ, reason="no libfaketime here: apt-get install faketime"
)
# Tells the time by all the ways that a Python program has, and for how long it has slept and waited.
TELLS = """
import datetime, subprocess, threading, time
start = time.monotonic()
time.sleep(0.1)
threading.Event().wait(0.1)
slept = time.monotonic() - start
child = float(subprocess.run(["date", "+%s.%N"], capture_output=True, text=True).stdout)
print("told", time.time(), datetime.datetime.now().timestamp(), child, time.monotonic(), slept, flush=True)
time.sleep(600)
"""


@pytest.fixture
def unit(port: int) -> FakeUnit:
    return FakeUnit(Spec(name="app", port=port))


@pytest.fixture
def app(unit: FakeUnit) -> Iterator[Service]:
    service = Service(unit, scheme="tcp")
    service.start()
    unit.events.clear()
    yield service
    unit.remove()


def test_it_runs_with_another_clock_until_the_heal(app: Service, unit: FakeUnit) -> None:
    with app.skewed(clock=-HOUR) as skew:
        assert unit.events == ["stop", "clock -3600", "start"]
        assert unit.ahead == -HOUR
    assert unit.events[3:] == ["stop", "clock +0", "start"]
    assert skew.receipt.counts["clock_offset"] == pytest.approx(-HOUR, abs=1)
    assert skew.receipt.counts["read_from"] == "date(1), run as it is"


def test_a_crash_meanwhile_brings_it_back_with_the_same_clock(app: Service, unit: FakeUnit) -> None:
    with app.skewed(clock=HOUR):
        with app.killed():
            pass
        assert unit.ahead == HOUR
    assert unit.ahead == 0


def test_a_clock_that_does_not_follow_shows_that_the_fault_did_not_bite(app: Service, unit: FakeUnit) -> None:
    unit.deaf = True
    with pytest.raises(FaultDidNotBite, match=r"set \+3600 s off, and by date\(1\), run as it is it is .*0\.00 s off"):
        app.skewed(clock=HOUR).__enter__()
    assert unit.ahead == 0
    assert app.running


def test_a_library_that_does_not_go_with_its_start_is_told_and_undone(app: Service, unit: FakeUnit) -> None:
    def refuse(ahead: float) -> None:
        unit.program.ends = 1 if ahead else None
        unit.program.says = "libfaketime: sem_open failed: Permission denied\n" if ahead else "hello\n"

    unit.set_clock = refuse  # type: ignore[method-assign]
    with pytest.raises(Unsupported, match="app: cannot be started with libfaketime .*Permission denied.*run it as"):
        app.skewed(clock=HOUR).__enter__()
    assert app.running


def test_the_clock_of_what_does_not_run_cannot_be_wrong(app: Service, unit: FakeUnit) -> None:
    unit.die(9)
    with pytest.raises(ServiceStateError, match="app: cannot be given another clock, it has ended"):
        app.skewed(clock=HOUR).__enter__()
    with app.skewed(clock=HOUR, optional=True) as skew:
        pass
    assert not skew.receipt.bit


@pytest.mark.parametrize("clock", [0, "1h", True, float("nan"), 1e12])
def test_what_is_no_offset_is_refused_at_once(app: Service, clock: object) -> None:
    with pytest.raises(UsageError, match=r"app\.skewed: clock=.* is no offset; pass seconds"):
        app.skewed(clock=clock)  # type: ignore[arg-type]


def test_without_the_library_it_is_said_what_would_bring_it(
    backend: ProcessBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_clock, "find_library", lambda: None)
    service = Service(backend.unit(Spec(name="app", command=("sleep", "600"))))
    service.start()
    with pytest.raises(Unsupported, match="app: .*needs libfaketime.*apt-get install faketime"):
        service.skewed(clock=HOUR).__enter__()
    assert service.running
    service.remove()


@pytest.fixture
def tells(backend: ProcessBackend) -> Iterator[Service]:
    service = Service(backend.unit(Spec(name="tells", command=(sys.executable, "-I", "-S", "-c", TELLS))))
    service.start()
    yield service
    service.remove()


def told(service: Service, times: int) -> list[float]:
    """Return what it has told at its start of this number."""

    def lines() -> list[str]:
        return [line for line in service.logs().splitlines() if line.startswith("told")]

    wait_until(lambda: len(lines()) >= times, within=20)
    return [float(word) for word in lines()[times - 1].split()[1:]]


@needs_library
def test_its_time_of_day_is_wrong_and_its_monotonic_clock_is_right(tells: Service) -> None:
    told(tells, 1)
    with tells.skewed(clock=-HOUR):
        *clocks_told, monotonic, slept = told(tells, 2)
        for clock in clocks_told:  # its own, and its child's
            assert clock - time.time() == pytest.approx(-HOUR, abs=5)
        assert monotonic == pytest.approx(time.monotonic(), abs=5)
        assert 0.2 <= slept < 5
    assert told(tells, 3)[0] == pytest.approx(time.time(), abs=5)


@needs_library
def test_nothing_is_left_in_shared_memory_by_a_crash(tells: Service) -> None:
    with tells.skewed(clock=HOUR):
        pid = tells._unit.pids[0]
        mine = [f"faketime_shm_{pid}", f"sem.faketime_sem_{pid}"]
        wait_until(lambda: set(mine) <= {path.name for path in Path("/dev/shm").iterdir()}, within=10)
        with tells.killed():
            assert not set(mine) & {path.name for path in Path("/dev/shm").iterdir()}


OWNER = """
import sys
from pathlib import Path
from pytest_resilience.janitor import Janitor
from pytest_resilience.services.backend import Spec
from pytest_resilience.services.process import ProcessBackend
from pytest_resilience.services.service import Service

backend = ProcessBackend(Janitor.start(directory=Path(sys.argv[1])))
service = Service(backend.unit(Spec(name="app", command=("sleep", "600"))))
service.start()
with service.skewed(clock=3600):
    print(*service._unit.pids, flush=True)
    sys.stdin.read()
"""


@needs_library
def test_an_owner_that_is_killed_leaves_no_process_and_no_shared_memory(tmp_path: Path) -> None:
    command = [sys.executable, "-c", OWNER, str(tmp_path / "state")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        left = [Path(f"/dev/shm/faketime_shm_{pid}"), Path(f"/dev/shm/sem.faketime_sem_{pid}")]
        assert all(path.exists() for path in left)
        owner.kill()
    wait_until(lambda: not any(path.exists() for path in left), within=20)
    process = look(pid)
    assert process is None or process.gone


@needs_library
def test_redis_and_postgres_say_themselves_what_their_clock_is(redis: RedisServer, postgres: PostgresServer) -> None:
    redis.command("SET", "short", "lived", "EX", "60")
    with redis.skewed(clock=HOUR) as skew:
        assert redis.command("GET", "short") is None  # an hour is over for it
    assert skew.receipt.counts["clock_offset"] == pytest.approx(HOUR, abs=1)
    assert skew.receipt.counts["read_from"] == "TIME"
    with postgres.skewed(clock=-HOUR) as skew:
        pass
    assert skew.receipt.counts["clock_offset"] == pytest.approx(-HOUR, abs=1)
    assert skew.receipt.counts["read_from"] == "clock_timestamp()"


@needs_library
def test_a_service_of_http_is_asked_for_its_date(backend: ProcessBackend, port: int) -> None:
    command = (sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port))
    service = Service(backend.unit(Spec(name="web", command=command, port=port)))
    service.start()
    with service.skewed(clock=HOUR) as skew:
        pass
    assert skew.receipt.counts["read_from"] == "its Date header"
    with service.skewed(clock=3) as skew:  # too little for whole seconds
        pass
    assert skew.receipt.counts["clock_offset"] == pytest.approx(3, abs=1)
    service.remove()


@needs_library
def test_a_program_without_a_c_library_is_told_apart(backend: ProcessBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faketime, "TO_LOAD", 0.5)
    # As if it were static: the words for the loader are kept from it.
    command = ("env", "-u", "LD_PRELOAD", "sh", "-c", "echo up; exec sleep 600")
    service = Service(backend.unit(Spec(name="static", command=command)), ready=re.compile("up"))
    service.start()
    with pytest.raises(Unsupported, match=r"static: process \d+ has not taken up libfaketime: a static program"):
        service.skewed(clock=HOUR).__enter__()
    assert service.running
    service.remove()


@needs_library
def test_what_was_preloaded_anyhow_still_is(backend: ProcessBackend, janitor: Janitor) -> None:
    other = janitor.directory / "another.so"
    other.write_bytes(sleep_library() or b"")
    unit = backend.unit(Spec(name="app", command=("sleep", "600"), env={"LD_PRELOAD": str(other)}))
    service = Service(unit)
    service.start()
    with service.skewed(clock=HOUR):
        maps = Path(f"/proc/{unit.pids[0]}/maps").read_text()
        assert "another.so" in maps
        assert "libfaketime" in maps
    service.remove()


def test_the_library_of_sleep_is_there_for_two_machines() -> None:
    assert sleep_library("x86_64") != sleep_library("aarch64")
    assert sleep_library("riscv64") is None


def test_each_start_is_held_for_as_long(app: Service, unit: FakeUnit) -> None:
    with app.slow_starting(0.05) as slow:
        for _ in range(2):
            with app.killed() as outage:
                pass
            assert outage.receipt.counts["seconds_down"] >= 0.05
    assert slow.receipt.counts == {"starts_held": 2}
    with app.killed():
        pass
    assert slow.receipt.counts == {"starts_held": 2}


def test_a_start_that_was_not_made_was_not_slow(app: Service) -> None:
    with pytest.raises(FaultDidNotBite, match="it was not started: restart it, or let another fault do that"):
        with app.slow_starting(1):
            pass


def test_a_start_that_is_held_at_the_heal_is_let_go(app: Service) -> None:
    with app.slow_starting(3600) as slow, app.crash_looping(backoff=0.001, optional=True):
        wait_until(lambda: slow.receipt.counts["starts_held"], within=10)
        assert slow.heal is not None
        slow.heal()
    assert app.running


@pytest.mark.parametrize("seconds", [0, -1, "2", float("inf")])
def test_a_start_cannot_be_held_for_what_is_no_time(app: Service, seconds: object) -> None:
    with pytest.raises(UsageError, match="app.slow_starting: seconds=.* must be seconds, 0.001 or more"):
        app.slow_starting(seconds)  # type: ignore[arg-type]
