"""The faults of a service on a unit that runs nothing: what they do, what they check, and how they heal."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from fakes import FakeUnit, Program

from pytest_resilience.errors import FaultDidNotBite, FaultInForce, ServiceNotReady, ServiceStateError
from pytest_resilience.faults.fault import together
from pytest_resilience.services import outages as outages_module
from pytest_resilience.services.backend import Spec
from pytest_resilience.services.service import Service


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


def test_a_killed_service_is_down_until_the_heal_and_ready_after_it(app: Service, unit: FakeUnit) -> None:
    with app.killed() as outage:
        assert not app.running
        assert unit.events == ["kill"]
    assert app.running
    assert unit.events == ["kill", "start"]
    assert outage.name == "app.killed"
    assert outage.receipt.counts["processes_killed"] == 2
    assert outage.receipt.counts["seconds_down"] >= outage.healed - outage.struck - 0.01


def test_a_stopped_service_is_asked_to_end(app: Service, unit: FakeUnit) -> None:
    with app.stopped() as outage:
        assert unit.events == ["stop"]
    assert unit.events == ["stop", "start"]
    assert outage.receipt.counts["processes_stopped"] == 2
    assert outage.receipt.counts["ended"] == "by itself"


def test_the_receipt_tells_of_a_service_that_had_to_be_killed(app: Service, unit: FakeUnit) -> None:
    unit.program.answers_stop = None
    with app.stopped(within=0.1) as outage:
        pass
    assert "SIGKILL" in outage.receipt.counts["ended"]


def test_a_restart_needs_no_body(app: Service, unit: FakeUnit) -> None:
    before = unit.pids
    with app.restarted() as restart:
        pass
    assert unit.events == ["stop", "start"]
    assert unit.pids != before
    assert restart.receipt.counts["processes_restarted"] == 2


def test_a_restart_may_be_a_crash(app: Service, unit: FakeUnit) -> None:
    with app.restarted(graceful=False):
        pass
    assert unit.events == ["kill", "start"]


def test_a_paused_service_goes_on_at_the_heal(app: Service, unit: FakeUnit) -> None:
    with app.paused() as hang:
        assert unit.paused
    assert not unit.paused
    assert hang.receipt.counts == {"processes_frozen": 2}


@pytest.mark.parametrize("name", ["killed", "stopped", "restarted", "paused"])
def test_what_does_not_run_cannot_be_broken(app: Service, unit: FakeUnit, name: str) -> None:
    unit.die(9)
    with pytest.raises(
        ServiceStateError, match=rf"app: cannot be {name}, it has ended with exit status 9; start\(\) it"
    ):
        getattr(app, name)().__enter__()
    assert unit.events == []


@pytest.mark.parametrize("name", ["killed", "stopped", "restarted", "paused"])
def test_what_may_not_run_is_let_be(app: Service, unit: FakeUnit, name: str) -> None:
    unit.die(9)
    with getattr(app, name)(optional=True) as episode:
        pass
    assert not episode.receipt.bit
    assert unit.events == []


@pytest.mark.parametrize("name", ["killed", "stopped", "restarted", "paused"])
def test_an_optional_fault_breaks_what_runs(app: Service, unit: FakeUnit, name: str) -> None:
    with getattr(app, name)(optional=True) as episode:
        pass
    assert episode.receipt.bit


def test_a_heal_that_does_not_bring_it_back_says_why(app: Service, unit: FakeUnit) -> None:
    unit.program = Program(says="no space left\n", ends=1)
    with pytest.raises(ServiceNotReady, match=r"ended with exit status 1(.|\n)*no space left"), app.killed() as outage:
        pass
    assert outage.in_force


def test_a_service_that_died_while_it_was_paused_is_reported(app: Service, unit: FakeUnit) -> None:
    with pytest.raises(ServiceNotReady, match="ended with exit status -9 before it was ready.*after it was paused"):
        with app.paused():
            unit.die(-9)


def test_a_port_that_still_accepts_shows_that_the_fault_did_not_bite(
    app: Service, unit: FakeUnit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outages_module, "AT_ONCE", 0.01)
    die = unit.die

    def die_and_be_replaced(status: int) -> None:
        die(status)
        stranger.bind(("127.0.0.1", app.port))
        stranger.listen()

    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        monkeypatch.setattr(unit, "die", die_and_be_replaced)
        # It cannot come back either, as the port is taken; that is not the news.
        unit.program.listens = False
        with pytest.raises(FaultDidNotBite, match="still does not refuse connections"):
            app.killed().__enter__()
    assert unit.events == ["kill", "start"]


def test_a_service_that_was_brought_back_by_the_test_is_not_started_twice(app: Service, unit: FakeUnit) -> None:
    with app.killed():
        app.start()
    assert unit.events == ["kill", "start"]


def test_two_faults_on_one_service_heal_in_any_order(app: Service, unit: FakeUnit) -> None:
    with together(app.paused(), app.killed()):
        assert not app.running
    assert app.running
    assert not unit.paused


def test_the_same_fault_cannot_be_nested_in_itself(app: Service) -> None:
    with app.killed(), pytest.raises(FaultInForce):
        app.killed().__enter__()


def test_a_body_that_fails_is_healed_all_the_same(app: Service) -> None:
    with pytest.raises(ZeroDivisionError), app.killed():
        _ = 1 / 0
    assert app.running


@pytest.mark.asyncio
async def test_faults_work_in_async_tests(app: Service) -> None:
    async with app.killed() as outage:
        assert not app.running
    assert app.running
    assert not outage.in_force
