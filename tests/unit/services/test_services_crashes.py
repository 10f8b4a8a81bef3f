"""A service that crashes again and again, or at its moment: what is seen of it, and what cannot be meant."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator

import pytest
from fakes import FakeUnit, Program

from pytest_resilience.errors import FaultDidNotBite, ServiceStateError, UsageError
from pytest_resilience.faults.fault import Fault
from pytest_resilience.services.backend import Spec
from pytest_resilience.services.service import Service
from pytest_resilience.timeline import Episode
from pytest_resilience.waiting import wait_until


@pytest.fixture
def unit(port: int) -> FakeUnit:
    return FakeUnit(Spec(name="app", port=port))


@pytest.fixture
def app(unit: FakeUnit) -> Iterator[Service]:
    service = Service(unit)
    service.start()
    unit.events.clear()
    yield service
    unit.remove()


def crashes(loop: Episode) -> int:
    return int(loop.receipt.counts["crashes"])


def test_a_crash_loop_kills_what_comes_back_and_is_healed_for_good(app: Service, unit: FakeUnit) -> None:
    with app.crash_looping(backoff=0.002, longest=0.01) as loop:
        wait_until(lambda: crashes(loop) >= 4, within=10)
    assert app.running
    assert loop.name == "app.crash_looping"
    assert unit.events.count("kill") == crashes(loop)
    assert unit.events[-1] == "start"
    assert unit.events.count("start") == unit.events.count("kill")
    assert 0 < loop.receipt.counts["seconds_down"] <= loop.healed - loop.striking


def test_it_lives_for_as_long_as_it_is_given(app: Service, unit: FakeUnit) -> None:
    with app.crash_looping(up=3600, backoff=0.001, optional=True) as loop:
        wait_until(lambda: loop.receipt.counts["times_ready_again"], within=10)
        assert app.running
        assert crashes(loop) == 1
    assert unit.events == ["kill", "start"]


def test_it_is_down_twice_as_long_each_time_up_to_the_longest(app: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    plain = threading.Event.wait

    def wait(event: threading.Event, timeout: float | None = None) -> bool:
        if threading.current_thread().name == "app crash-looping":
            waited.append(timeout or 0)
        return plain(event, timeout)

    monkeypatch.setattr(threading.Event, "wait", wait)
    with app.crash_looping(backoff=0.004, longest=0.01) as loop:
        wait_until(lambda: crashes(loop) >= 5, within=10)
    assert [each for each in waited if each][:4] == [0.004, 0.008, 0.01, 0.01]


def test_a_program_that_ends_while_it_starts_is_started_again(app: Service, unit: FakeUnit) -> None:
    unit.program = Program(ends=1)
    with app.crash_looping(backoff=0.001) as loop:
        wait_until(lambda: crashes(loop) >= 3, within=10)
        assert loop.receipt.counts["times_ready_again"] == 0
        unit.program = Program()
    assert app.running


def test_a_loop_of_one_crash_did_not_bite(app: Service) -> None:
    with pytest.raises(FaultDidNotBite, match="crashed once, which is no loop"):
        with app.crash_looping(backoff=3600, longest=3600):
            pass
    assert app.running


def test_what_goes_wrong_in_the_loop_is_raised_at_the_heal(
    app: Service, unit: FakeUnit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails() -> None:
        monkeypatch.undo()
        raise OSError("no processes left")

    monkeypatch.setattr(unit, "start", fails)
    with pytest.raises(OSError, match="no processes left"), app.crash_looping(backoff=0.001):
        wait_until(lambda: not thread("app crash-looping"), within=10)
    assert app.running  # brought back all the same


def test_no_thread_outlives_its_fault(app: Service) -> None:
    with app.crash_looping(backoff=0.001) as loop:
        assert thread("app crash-looping")
        wait_until(lambda: crashes(loop) >= 2, within=10)
    assert not thread("app crash-looping")
    with pytest.raises(ZeroDivisionError), app.crashed_when(lambda: False):
        assert thread("app watched")
        _ = 1 / 0
    assert not thread("app watched")


def test_it_crashes_when_a_condition_is_true(app: Service, unit: FakeUnit) -> None:
    ripe = threading.Event()
    with app.crashed_when(ripe.is_set) as crash:
        assert app.running
        ripe.set()
        wait_until(lambda: not app.running, within=10)
    assert app.running
    assert unit.events == ["kill", "start"]
    counts = crash.receipt.counts
    assert counts["processes_killed"] == 2
    assert 0 <= counts["seconds_late_at_most"] <= counts["seconds_until"] + 10
    assert counts["seconds_down"] > 0


def test_the_windows_of_the_episode_are_cut_at_the_crash(app: Service) -> None:
    ripe = threading.Event()
    with app.crashed_when(ripe.is_set) as crash:
        armed = crash.struck
        ripe.set()
        wait_until(lambda: crash.receipt.struck, within=10)  # it is down before it is written down that it is
    assert armed < crash.striking < crash.struck < crash.healing


def test_it_crashes_when_a_line_is_written_that_was_not_there_before(app: Service, unit: FakeUnit) -> None:
    unit.write("job 1: took\n")
    with app.crashed_when(log=r"job \d: took$"):
        unit.write("job 2: took")
        assert app.running  # the line has not ended
        unit.write(" and gave back\n")
        unit.write("job 3: took\n")
        wait_until(lambda: not app.running, within=10)
    with pytest.raises(FaultDidNotBite, match=r"its moment never came: a line of its log like 'job"):
        with app.crashed_when(log=re.compile(r"job \d: took$")):
            unit.write("job 4: took it\n")
    assert app.running


def test_it_may_crash_as_it_comes_up(app: Service, unit: FakeUnit) -> None:
    with app.crashed_when(log="^hello$", restarting=True):
        wait_until(lambda: not app.running, within=10)
    assert unit.events == ["kill", "start", "kill", "start"]


def test_a_moment_that_never_comes_is_no_test(app: Service, unit: FakeUnit) -> None:
    with pytest.raises(FaultDidNotBite, match=r"its moment never came: .*never\(\) is true.*optional=True"):
        with app.crashed_when(never):
            pass
    with app.crashed_when(never, optional=True) as crash:
        pass
    assert not crash.receipt.bit
    assert unit.events == []


def test_a_moment_at_which_it_is_down_anyhow_is_none(app: Service, unit: FakeUnit) -> None:
    with pytest.raises(FaultDidNotBite, match="its moment came when it was not running"):
        with app.crashed_when(lambda: not app.running) as watch:
            unit.die(1)
            wait_until(lambda: "not running" in watch.receipt.missed, within=10)
    assert app.running


def test_what_a_condition_raises_is_raised_at_the_heal(app: Service) -> None:
    def broken() -> bool:
        raise LookupError("no such worker")

    with pytest.raises(LookupError, match="no such worker"), app.crashed_when(broken):
        wait_until(lambda: not thread("app watched"), within=10)
    assert app.running


@pytest.mark.parametrize("name", ["crash_looping", "crashed_when"])
def test_what_does_not_run_cannot_crash(app: Service, unit: FakeUnit, name: str) -> None:
    def fault(*, optional: bool) -> Fault:
        return (
            app.crash_looping(optional=optional)
            if name == "crash_looping"
            else app.crashed_when(never, optional=optional)
        )

    unit.die(9)
    with pytest.raises(ServiceStateError, match=r"app: cannot be .*has ended with exit status 9"):
        fault(optional=False).__enter__()
    with fault(optional=True) as episode:
        pass
    assert not episode.receipt.bit
    assert unit.events == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"up": -1}, "up=-1 must be seconds, 0 or more"),
        ({"up": "1"}, "up='1' must be seconds"),
        ({"up": float("nan")}, "up=nan must be seconds"),
        ({"backoff": 0}, "backoff=0 must be seconds, 0.001 or more"),
        ({"backoff": 2, "longest": 1}, "longest=1 must be seconds, 2 or more"),
    ],
)
def test_a_loop_that_cannot_be_meant_is_refused_at_once(app: Service, arguments: dict, message: str) -> None:
    with pytest.raises(UsageError, match=f"app.crash_looping: {message}"):
        app.crash_looping(**arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "0 moments; give one: a condition, log= or in_flight="),
        ({"condition": bool, "log": "a"}, "2 moments; give one"),
        ({"condition": "registered"}, "the condition 'registered' cannot be called"),
        ({"log": "("}, r"log='\(' is no regular expression: missing \)"),
        ({"log": 3}, "log=3 is no regular expression of text"),
        ({"log": re.compile(b"a")}, ".* is no regular expression of text"),
        ({"in_flight": -1}, "in_flight=-1 is no number of requests"),
        ({"in_flight": True}, "in_flight=True is no number of requests"),
    ],
)
def test_a_moment_that_cannot_be_meant_is_refused_at_once(app: Service, arguments: dict, message: str) -> None:
    with pytest.raises(UsageError, match=f"app.crashed_when: {message}"):
        app.crashed_when(**arguments)


def test_a_service_without_a_port_has_no_requests() -> None:
    with pytest.raises(UsageError, match="worker.crashed_when: in_flight=1 asks for requests.*has no port"):
        Service(FakeUnit(Spec(name="worker"))).crashed_when(in_flight=1)


def never() -> bool:
    return False


def thread(name: str) -> bool:
    return name in {one.name for one in threading.enumerate()}
