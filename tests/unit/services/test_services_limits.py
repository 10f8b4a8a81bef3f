"""The limits of a service on a unit that runs nothing: what is asked for, what is checked, what is left."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest
from fakes import FakeUnit, Program

from pytest_resilience.errors import (
    FaultDidNotBite,
    ServiceNotReady,
    ServiceStateError,
    Unsupported,
    UsageError,
)
from pytest_resilience.faults.fault import Fault, together
from pytest_resilience.services.backend import Spec
from pytest_resilience.services.service import Service


@pytest.fixture
def unit(port: int) -> FakeUnit:
    return FakeUnit(Spec(name="app", port=port))


@pytest.fixture
def app(unit: FakeUnit) -> Iterator[Service]:
    service = Service(unit)
    service.start()
    yield service
    service.remove()


def test_a_cap_is_in_force_in_the_body_and_lifted_after_it(app: Service, unit: FakeUnit) -> None:
    with app.capped(memory=1000) as cap:
        assert (unit.curbs["memory"].value, unit.curbs["memory"].lifted) == (1000, False)
        unit.curbs["memory"].reached = True
        unit.curbs["memory"].counts = {"oom_kills": 2}
    assert unit.curbs["memory"].lifted
    assert cap.receipt.counts == {"memory_limit": 1000, "memory_limited_by": "make-believe", "oom_kills": 2}
    assert not cap.in_force


def test_a_share_of_a_processor_is_a_limit_too(app: Service, unit: FakeUnit) -> None:
    with app.throttled(cpu=0.25) as throttle:
        unit.curbs["cpu"].reached = True
    assert throttle.receipt.counts == {"cpu_limit": 0.25, "cpu_limited_by": "make-believe"}
    assert throttle.name == "app.throttled"


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda app: app.capped(memory=10**9), "never reached memory=1000000000"),
        (lambda app: app.capped(fds=7), "never reached fds=7"),
        (lambda app: app.throttled(0.1), "never reached cpu=0.1"),
    ],
)
def test_a_limit_that_was_not_reached_did_not_bite(app: Service, make: Callable[[Service], Fault], said: str) -> None:
    with pytest.raises(FaultDidNotBite, match=rf"app\.\w+ {said} in .* limited by make-believe.*drive traffic"):
        with make(app) as episode:
            pass
    assert not episode.in_force


def test_one_of_two_limits_that_was_not_reached_is_named(app: Service, unit: FakeUnit) -> None:
    with pytest.raises(FaultDidNotBite, match=r"never reached memory=1000 in"):
        with app.capped(memory=1000, fds=7):
            unit.curbs["descriptors"].reached = True


def test_a_limit_that_need_not_be_reached_is_optional(app: Service) -> None:
    with app.capped(fds=7, optional=True) as cap:
        pass
    assert cap.receipt.optional
    assert not cap.receipt.bit


def test_a_part_of_together_that_was_not_reached_did_not_bite(app: Service) -> None:
    with pytest.raises(FaultDidNotBite, match="never reached"), together(app.throttled(0.1)):
        pass


def test_limits_are_lifted_in_reverse_when_the_body_raises(app: Service, unit: FakeUnit) -> None:
    with pytest.raises(ZeroDivisionError), app.capped(memory=1000, fds=7):
        raise ZeroDivisionError
    assert unit.events[-4:] == ["curb memory", "curb descriptors", "lift descriptors", "lift memory"]


def test_what_was_limited_is_lifted_when_the_next_limit_cannot_be(app: Service, unit: FakeUnit) -> None:
    unit.cannot = Unsupported("not here")
    with pytest.raises(Unsupported, match="not here"), app.capped(memory=1000, fds=7):
        pass
    assert unit.events[-2:] == ["curb memory", "lift memory"]


def test_a_limit_that_does_not_read_back_did_not_bite_and_is_lifted(app: Service, unit: FakeUnit) -> None:
    unit.reads_back_more = 1.0
    with pytest.raises(FaultDidNotBite, match=r"capped\(fds=7\): set by make-believe, and 8\.0 is read back"):
        with app.capped(fds=7):
            pass
    assert unit.curbs["descriptors"].lifted


def test_what_did_not_live_through_its_limit_is_started_again(app: Service, unit: FakeUnit) -> None:
    with app.capped(memory=1000):
        unit.curbs["memory"].reached = True
        unit.die(-9)
    assert app.running
    assert unit.events[-2:] == ["lift memory", "start"]


def test_what_cannot_be_started_again_says_why(app: Service, unit: FakeUnit) -> None:
    unit.program = Program(says="no memory\n", ends=1)
    with pytest.raises(ServiceNotReady, match=r"exit status 1(.|\n)*no memory"), app.capped(memory=1000):
        unit.die(-9)


def test_a_cap_on_less_memory_than_it_has_is_refused(app: Service, unit: FakeUnit) -> None:
    unit.rss = 5000
    with pytest.raises(UsageError, match=r"capped\(memory=5000\): it has 5000 bytes already.*use killed\(\)"):
        with app.capped(memory=5000):
            pass
    assert not unit.curbs


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda app: app.capped(), r"capped\(\) caps nothing"),
        (lambda app: app.capped(memory=0), r"capped\(memory=0\): pass a whole number, 1 or more"),
        (lambda app: app.capped(memory=-1), r"memory=-1"),
        (lambda app: app.capped(memory=1e9), r"memory=1000000000\.0"),
        (lambda app: app.capped(memory=True), "memory=True"),
        (lambda app: app.capped(fds="many"), r"fds='many'"),
        (lambda app: app.capped(fds=0), "fds=0"),
        (lambda app: app.capped(disk=-1), r"disk=-1\): pass a whole number, 0 or more"),
        (lambda app: app.throttled(0), r"throttled\(cpu=0\): pass processors, from 0\.01"),
        (lambda app: app.throttled(-0.5), r"cpu=-0\.5"),
        (lambda app: app.throttled(float("nan")), "cpu=nan"),
        (lambda app: app.throttled("half"), "cpu='half'"),
        (lambda app: app.throttled(os.cpu_count()), "to below the"),
    ],
)
def test_a_limit_that_cannot_be_meant_is_refused_at_once(
    app: Service, make: Callable[[Service], Fault], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        make(app)


def test_what_has_no_disk_of_its_own_says_how_to_have_one(app: Service) -> None:
    with pytest.raises(UsageError, match=r"app: has no disk of its own; start it with service\(\.\.\., disk=SIZE\)"):
        _ = app.disk_used


def test_a_service_that_does_not_run_cannot_be_capped(app: Service) -> None:
    with app.killed():
        with pytest.raises(ServiceStateError, match="app: cannot be capped.*exit status -9"), app.capped(fds=7):
            pass
        with app.capped(fds=7, optional=True) as cap:
            pass
    assert str(cap.receipt) == "nothing touched"
