"""What cannot be meant is refused at once, with what to do instead."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from pytest_resilience.errors import NotPortable, TargetNotAllowed, UsageError
from pytest_resilience.janitor import Janitor
from pytest_resilience.load.action import user
from pytest_resilience.load.prepare import prepare
from pytest_resilience.load.profile import steady
from pytest_resilience.load.request import Get

REQUEST = Get("http://127.0.0.1:9/")


@user(per="user")
def one_each() -> Iterator[Callable[[], None]]:
    yield lambda: None


def generator() -> Iterator[int]:
    yield 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"what": REQUEST}, "rate= .* or users="),
        ({"what": REQUEST, "rate": 1, "users": 1}, "two models"),
        ({"what": REQUEST, "rate": 0}, "no load at all"),
        ({"what": REQUEST, "rate": -5}, "rate=-5"),
        ({"what": REQUEST, "users": "ten"}, "users='ten'"),
        ({"what": REQUEST, "rate": 1, "deadline": 0}, "deadline=0"),
        ({"what": REQUEST, "rate": 1, "drivers": 0}, "drivers=0"),
        ({"what": REQUEST, "rate": 1, "connections": 1.5}, "connections=1.5"),
        ({"what": one_each, "rate": 1}, "users="),
        ({"what": generator, "rate": 1}, "@user"),
        ({"what": "http://127.0.0.1/", "rate": 1}, r"Get\(url\)"),
    ],
)
def test_a_load_that_cannot_be_meant_is_refused_before_anything_starts(
    load_janitor: Janitor, options: dict[str, object], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        prepare(launcher=load_janitor, **options)  # type: ignore[arg-type]


def test_what_cannot_travel_is_refused_before_anything_starts(load_janitor: Janitor) -> None:
    lock = threading.Lock()
    with pytest.raises(NotPortable, match="'lock'"):
        prepare(lambda: lock.locked(), launcher=load_janitor, rate=1)


def test_a_target_that_is_not_allowed_is_refused_before_anything_starts(load_janitor: Janitor) -> None:
    def allowed(host: str) -> None:
        raise TargetNotAllowed(host)

    with pytest.raises(TargetNotAllowed, match="example"):
        prepare(Get("http://example.invalid/"), launcher=load_janitor, rate=1, allowed=allowed)


def test_a_run_is_held_inside_its_with(load_janitor: Janitor) -> None:
    run = prepare(lambda: None, launcher=load_janitor, rate=50)
    for early in (lambda: run.hold(1), run.finish, lambda: run.began):
        with pytest.raises(UsageError, match="not begun"):
            early()
    with run:
        run.hold(0.1)
        with pytest.raises(UsageError, match="zero or more"):
            run.hold(-1)
        with pytest.raises(UsageError, match="never ends"):
            run.finish()
        with pytest.raises(UsageError, match="used once"):
            run.__enter__()
    with pytest.raises(UsageError, match="is over"):
        run.hold(1)
    with pytest.raises(UsageError, match="used once"), run:
        pass


def test_a_run_says_what_it_is(load_janitor: Janitor) -> None:
    run = prepare(lambda: None, launcher=load_janitor, users=steady(5, lasting=1))
    assert repr(run) == "<Run <lambda>, users steady 5 for 1 s: not begun>"
