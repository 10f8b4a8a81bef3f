"""A service on a unit that runs nothing: addresses, starting, and what is said when it does not start."""

from __future__ import annotations

import re

import pytest
from fakes import FakeUnit, Program

from pytest_resilience.errors import ServiceNotReady, ServiceStateError, UsageError
from pytest_resilience.services.backend import Spec
from pytest_resilience.services.service import Service


def service(program: Program | None = None, *, port: int | None = None, **options: object) -> tuple[Service, FakeUnit]:
    unit = FakeUnit(Spec(name="app", port=port), program)
    return Service(unit, **options), unit


def test_a_service_with_a_port_has_an_address(port: int) -> None:
    app, _ = service(port=port)
    assert (app.name, app.host, app.port) == ("app", "127.0.0.1", port)
    assert app.address == f"127.0.0.1:{port}"
    assert app.url == f"http://127.0.0.1:{port}"


def test_a_service_without_a_port_says_so_when_asked_for_its_url() -> None:
    app, _ = service()
    with pytest.raises(UsageError, match="app: listens nowhere.*port="):
        _ = app.url


def test_a_service_is_ready_when_its_port_accepts(port: int) -> None:
    app, unit = service(port=port)
    app.start()
    assert app.running
    unit.kill()


def test_a_service_without_a_port_is_ready_when_it_runs() -> None:
    app, _ = service()
    app.start()
    assert app.running
    assert app.logs() == "hello\n"
    assert app.usage().processes == 2


def test_a_service_that_dies_while_starting_is_noticed_at_once_and_its_last_words_are_told(port: int) -> None:
    app, _ = service(Program(says="cannot bind\n", ends=7), port=port, within=3600)
    with pytest.raises(
        ServiceNotReady, match=rf"app at 127\.0\.0\.1:{port}: ended with exit status 7(.|\n)*cannot bind"
    ):
        app.start()


def test_a_service_that_is_not_ready_in_time_is_ended_and_what_was_waited_for_is_told(port: int) -> None:
    app, unit = service(Program(listens=False), port=port, within=0.01)
    with pytest.raises(ServiceNotReady, match=rf"not ready 0\.01 s after its start \(waited for port {port} to accept"):
        app.start()
    assert not unit.running


def test_what_the_readiness_function_raises_means_not_yet_and_is_told() -> None:
    def answers() -> bool:
        raise KeyError("slots")

    app, _ = service(ready=answers, within=0.01)
    with pytest.raises(ServiceNotReady, match=r"answers\(\) to be true, and it last raised KeyError\('slots'\)"):
        app.start()


def test_only_the_log_of_this_start_counts_and_is_told() -> None:
    app, unit = service(Program(says="ready\n"), ready=re.compile("^ready$"), within=0.01)
    app.start()
    unit.kill()
    unit.program = Program(says="thinking\n")
    with pytest.raises(ServiceNotReady) as caught:
        app.start()
    assert "thinking" in str(caught.value)
    assert "    ready" not in str(caught.value)


def test_a_running_service_cannot_be_started() -> None:
    app, _ = service()
    app.start()
    with pytest.raises(ServiceStateError):
        app.start()


def test_a_fresh_service_is_running_whatever_the_last_test_did_to_it() -> None:
    app, unit = service()
    app.ensure_fresh()
    assert unit.events == ["start"]
    unit.die(1)
    app.ensure_fresh()
    assert unit.events == ["start", "start"]
    app.ensure_fresh()
    assert unit.events.count("start") == 2


def test_a_fresh_service_is_not_paused() -> None:
    app, unit = service()
    app.start()
    app.paused().__enter__()
    app.ensure_fresh()
    assert not unit.paused


def test_a_fresh_service_goes_on_that_was_frozen_behind_its_back() -> None:
    app, unit = service()
    app.start()
    unit.pause()
    app.ensure_fresh()
    assert not unit.paused
    assert unit.events.count("start") == 1


def test_a_service_that_hangs_is_started_anew_for_the_next_test() -> None:
    unit = FakeUnit(Spec(name="app"))
    app = Service(unit, ready=lambda: unit.events.count("start") != 1 or "hangs" not in unit.logs(), within=0.05)
    app.start()
    unit.write("hangs")
    app.ensure_fresh()
    assert unit.events == ["start", "resume", "kill", "start"]


def test_a_removed_service_leaves_its_log() -> None:
    app, unit = service()
    app.start()
    app.remove()
    assert unit.removed
    assert app.logs() == "hello\n"


def test_a_service_is_one_line_with_the_worst_news_first(port: int) -> None:
    app, unit = service(port=port)
    assert repr(app) == f"<Service app: not started, http://127.0.0.1:{port}>"
    app.start()
    assert repr(app) == f"<Service app: running, http://127.0.0.1:{port}>"
    with app.paused():
        assert repr(app) == f"<Service app: PAUSED, http://127.0.0.1:{port}>"
    unit.die(-11)
    assert repr(app) == f"<Service app: DOWN, exit status -11, http://127.0.0.1:{port}>"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ready": "/health"}, "no port"),
        ({"ready": 3}, "ready=3 says nothing"),
        ({"within": 0}, "within=0"),
    ],
)
def test_arguments_that_cannot_be_meant_are_refused_at_once(options: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        service(**options)


def test_a_path_must_begin_with_a_slash(port: int) -> None:
    with pytest.raises(UsageError, match="begins with"):
        service(port=port, ready="health")
