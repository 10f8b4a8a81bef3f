"""The loader: seeds, targets, and the load that was prepared and never driven."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pytest_resilience.errors import TargetNotAllowed, UsageError
from pytest_resilience.janitor import Janitor
from pytest_resilience.janitor.process import look
from pytest_resilience.load.action import Call
from pytest_resilience.load.loader import Loader
from pytest_resilience.load.request import Get
from pytest_resilience.options import Options


@pytest.fixture
def load(load_janitor: Janitor) -> Loader:
    return Loader(load_janitor, seed=7, allowed=Options().check_target)


def drawn(load: Loader) -> set[object]:
    def draw(call: Call) -> tuple[int, int]:
        return call.index, call.random.getrandbits(32)

    with load(draw, rate=200) as run:
        run.hold(0.05)
    return set(run.samples.returned)


def test_a_run_that_was_driven_is_no_mistake(load: Loader) -> None:
    with load(lambda: None, rate=100) as run:
        run.hold(0.05)
    assert load.runs == [run]
    load.close()


def test_a_run_that_was_prepared_and_never_entered_is_a_mistake(load: Loader) -> None:
    load(Get("http://127.0.0.1:9/slots"), rate=5)
    with pytest.raises(UsageError, match=r"<Run GET /slots, rate steady 5: not begun>.*`with load\(\.\.\.\) as run:`"):
        load.close()


def test_the_run_that_was_not_entered_is_named_among_those_that_were(load: Loader) -> None:
    with load(lambda: None, rate=100) as run:
        run.hold(0.05)
    load(Get("http://127.0.0.1:9/forgotten"), users=3)
    with pytest.raises(UsageError, match=r"GET /forgotten, users steady 3"):
        load.close()


def test_two_runs_of_a_test_draw_different_numbers_and_a_replay_the_same(load_janitor: Janitor) -> None:
    def loader() -> Loader:
        return Loader(load_janitor, seed=7, allowed=Options().check_target)

    one, again = loader(), loader()
    first, second = drawn(one), drawn(one)
    replayed = drawn(again)
    assert first and second and not first & second
    assert first & replayed


@pytest.mark.parametrize("host", ["shop.example", "10.0.0.1", "0.0.0.0", "[2001:db8::1]"])
def test_load_on_a_foreign_host_is_refused_with_the_option_that_allows_it(load: Loader, host: str) -> None:
    with pytest.raises(TargetNotAllowed, match=r"neither loopback nor.*--resilience-allow-target="):
        load(Get(f"http://{host}/"), rate=1)
    assert load.runs == []


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "localhost", "[::1]"])
def test_loopback_in_every_spelling_is_ours(load: Loader, host: str) -> None:
    assert load(Get(f"http://{host}:9/"), rate=1) in load.runs


def test_a_host_that_was_allowed_may_be_loaded(load_janitor: Janitor) -> None:
    options = Options(allow_targets=frozenset({"staging.example"}))
    load = Loader(load_janitor, seed=7, allowed=options.check_target)
    assert load(Get("http://staging.example/"), rate=1) in load.runs


MISTAKES: dict[str, tuple[Callable[[Loader], object], str]] = {
    "neither": (lambda load: load(lambda: None), "rate= .* or users="),
    "both": (lambda load: load(lambda: None, rate=1, users=1), "two models"),
    "a URL": (lambda load: load("http://127.0.0.1/", rate=1), r"Get\(url\)"),
    "what a function returned": (lambda load: load(None, rate=1), r"load\(None\).*of type NoneType"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_leaves_no_run_behind_that_would_be_complained_about(load: Loader, mistake: str) -> None:
    make, message = MISTAKES[mistake]
    with pytest.raises(UsageError, match=message):
        make(load)
    load.close()


def test_load_that_a_test_leaves_going_is_ended_and_is_a_mistake_that_names_it(load: Loader) -> None:
    run = load(lambda: None, rate=10)
    run.__enter__()
    load.end()
    assert [process for process in map(look, run.pids) if process and not process.gone] == []
    with pytest.raises(UsageError, match="<lambda>.*still going when the test ended"):
        load.close()


def test_load_that_was_left_as_it_should_be_is_nothing_to_end(load: Loader) -> None:
    with load(lambda: None, rate=50) as run:
        run.hold(0.1)
    load.end()
    load.close()
