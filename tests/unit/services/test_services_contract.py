"""What every unit keeps to, the fake as well as processes and containers."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest
from fakes import BRIEF, POLITE, STUBBORN

from pytest_resilience.errors import ServiceStateError, UsageError
from pytest_resilience.services.backend import Limit, Unit
from pytest_resilience.waiting import wait_until

Maker = Callable[[str], Unit]


def started(unit: Unit) -> Unit:
    """Start it, and wait until its program has come to the point where it can be asked to stop."""
    times = unit.logs().count("hello") + 1
    unit.start()
    wait_until(lambda: unit.logs().count("hello") == times, within=10, what="it says hello")
    return unit


def test_a_unit_that_was_not_started_is_nothing_yet(make_unit: Maker) -> None:
    unit = make_unit(POLITE)
    assert (unit.running, unit.pids, unit.exit_status(), unit.logs()) == (False, (), None, "")


def test_a_started_unit_runs_and_writes_a_log(make_unit: Maker) -> None:
    unit = started(make_unit(POLITE))
    assert unit.running
    assert len(unit.pids) >= 1
    assert unit.exit_status() is None


def test_a_running_unit_cannot_be_started(make_unit: Maker) -> None:
    unit = started(make_unit(POLITE))
    with pytest.raises(ServiceStateError, match="running"):
        unit.start()


def test_a_killed_unit_is_gone_when_kill_returns(make_unit: Maker) -> None:
    unit = started(make_unit(POLITE))
    unit.kill()
    assert (unit.running, unit.pids, unit.exit_status()) == (False, (), -signal.SIGKILL)


def test_killing_what_is_dead_does_no_harm(make_unit: Maker) -> None:
    unit = started(make_unit(POLITE))
    unit.kill()
    unit.kill()
    assert unit.exit_status() == -signal.SIGKILL


def test_a_polite_unit_ends_by_itself_when_it_is_asked_to(make_unit: Maker) -> None:
    unit = started(make_unit(POLITE))
    assert unit.stop(10)
    assert (unit.running, unit.exit_status()) == (False, 3)


def test_a_stubborn_unit_is_killed_after_its_time(make_unit: Maker) -> None:
    unit = started(make_unit(STUBBORN))
    assert not unit.stop(0.05)
    assert (unit.running, unit.exit_status()) == (False, -signal.SIGKILL)


def test_stopping_what_has_ended_is_no_failure_to_end(make_unit: Maker) -> None:
    unit = started(make_unit(POLITE))
    unit.kill()
    assert unit.stop(1)


def test_a_unit_that_ends_by_itself_is_not_running(make_unit: Maker) -> None:
    unit = make_unit(BRIEF)
    unit.start()
    wait_until(lambda: not unit.running, within=10)
    assert (unit.pids, unit.exit_status(), unit.logs()) == ((), 7, "hello\n")


def test_a_unit_starts_again_and_its_log_goes_on(make_unit: Maker) -> None:
    unit = started(make_unit(POLITE))
    before = unit.pids[0]
    unit.kill()
    started(unit)
    assert unit.pids[0] != before
    assert unit.logs() == "hello\nhello\n"
    assert unit.exit_status() is None


def test_a_paused_unit_still_runs_and_goes_on_when_resumed(make_unit: Maker) -> None:
    unit = started(make_unit(POLITE))
    main = unit.pids[0]
    unit.pause()
    assert unit.running
    assert unit.pids[0] == main
    unit.resume()
    assert unit.stop(10)
    assert unit.exit_status() == 3


def test_a_paused_unit_can_be_killed(make_unit: Maker) -> None:
    unit = started(make_unit(POLITE))
    unit.pause()
    unit.kill()
    assert not unit.running


def test_a_paused_unit_can_be_stopped(make_unit: Maker) -> None:
    unit = started(make_unit(POLITE))
    unit.pause()
    assert unit.stop(10)
    assert unit.exit_status() == 3


@pytest.mark.parametrize("verb", ["pause", "resume", "usage"])
def test_what_needs_a_running_unit_refuses_one_that_is_not(make_unit: Maker, verb: str) -> None:
    unit = make_unit(POLITE)
    with pytest.raises(ServiceStateError, match="polite.*not running"):
        getattr(unit, verb)()


def test_a_running_unit_uses_something(make_unit: Maker) -> None:
    usage = started(make_unit(POLITE)).usage()
    assert usage.processes >= 1
    assert usage.rss > 0
    assert usage.cpu_seconds >= 0


@pytest.mark.parametrize(("limit", "value"), [("memory", 2**30), ("descriptors", 64), ("cpu", 0.5)])
def test_a_limit_is_read_back_and_can_be_lifted_twice(make_unit: Maker, limit: Limit, value: float) -> None:
    unit = started(make_unit(POLITE))
    curb = unit.curb(limit, value)
    assert curb.read() == pytest.approx(value, abs=4096 if limit == "memory" else 0.001)
    assert curb.means
    curb.lift()
    curb.lift()
    assert not curb.reached
    assert unit.running


@pytest.mark.parametrize("limit", ["memory", "descriptors", "disk", "cpu"])
def test_what_does_not_run_cannot_be_limited(make_unit: Maker, limit: Limit) -> None:
    with pytest.raises(ServiceStateError, match="polite.*not running"):
        make_unit(POLITE).curb(limit, 1)


def test_a_limit_on_what_has_ended_since_is_lifted_without_complaint(make_unit: Maker) -> None:
    unit = started(make_unit(POLITE))
    curbs = [unit.curb("memory", 2**30), unit.curb("descriptors", 64), unit.curb("cpu", 0.5)]
    unit.kill()
    for curb in curbs:
        curb.lift()
    started(unit)
    assert unit.running


def test_what_has_no_disk_of_its_own_cannot_have_it_limited(make_unit: Maker) -> None:
    unit = started(make_unit(POLITE))
    with pytest.raises(UsageError, match="no disk of its own"):
        unit.curb("disk", 4096)


def test_a_removed_unit_does_not_run(make_unit: Maker) -> None:
    unit = started(make_unit(POLITE))
    unit.remove()
    assert not unit.running


def test_a_unit_that_never_ran_can_be_removed(make_unit: Maker) -> None:
    make_unit(POLITE).remove()
