"""Mistakes with Locust files are told in words, before any load or as soon as Locust knows."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_resilience.errors import SetupFailed, TargetNotAllowed, UsageError
from pytest_resilience.janitor import Janitor
from pytest_resilience.load.loader import Loader
from pytest_resilience.load.locust_run import LocustSettings
from pytest_resilience.load.locustfile import Locustfile
from pytest_resilience.options import Options

READING = Path(__file__).with_name("journeys") / "reading.py"
NOWHERE = "http://127.0.0.1:9"
needs_locust = pytest.mark.skipif(importlib.util.find_spec("locust") is None, reason="Locust is not installed")


@pytest.fixture
def load(load_janitor: Janitor) -> Loader:
    return Loader(load_janitor, seed=7, allowed=Options().check_target)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Locustfile("journeys/nowhere.py"), "there is no Python file /.*/journeys/nowhere.py"),
        (lambda: Locustfile(READING.parent), "there is no Python file"),
        (lambda: Locustfile(READING, user="Reader,Visitor"), r"user='Reader,Visitor'\): expected the name of a user"),
        (lambda: Locustfile(READING, host="127.0.0.1:80"), "expected a base URL such as http://127.0.0.1:8000"),
        (lambda: Locustfile(READING, workers=-1), r"workers=-1\): expected a whole number, 0 for"),
        (lambda: Locustfile(READING, workers=True), r"workers=True\): expected a whole number"),
        (lambda: Locustfile(READING, arguments=("--users=4",)), "--users=4 is for load.. to say; leave it out"),
    ],
)
def test_a_locust_file_that_cannot_be_meant_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make()


def test_a_locust_file_is_told_by_its_name_and_its_users() -> None:
    assert repr(Locustfile(READING, user=("Reader", "Visitor"))) == "<Locustfile reading.py Reader Visitor>"
    assert Locustfile(READING) == Locustfile(str(READING)) != Locustfile(READING, host=NOWHERE)


@needs_locust
def test_how_much_is_said_once(load: Loader) -> None:
    for given in ({}, {"rate": 1, "users": 1}):
        with pytest.raises(UsageError, match="say how much, either users= .* or rate="):
            load(Locustfile(READING), **given)


@needs_locust
def test_options_of_our_own_drivers_are_refused(load: Loader) -> None:
    with pytest.raises(UsageError, match=r"are not Locust's; say Locustfile\(workers=N\)"):
        load(Locustfile(READING), users=1, drivers=2)


def test_without_locust_it_says_what_to_install(load: Loader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r"pip install 'pytest-resilience\[locust\]'"):
        load(Locustfile(READING), users=1)


@needs_locust
@pytest.mark.parametrize("workers", [0, 2])
def test_a_file_that_cannot_be_imported_is_told_with_its_traceback(load: Loader, tmp_path: Path, workers: int) -> None:
    file = tmp_path / "broken.py"
    file.write_text("import shop_that_is_not_there\n")
    run = load(Locustfile(file, workers=workers), users=1)
    with pytest.raises(SetupFailed) as caught:
        run.__enter__()
    assert "No module named 'shop_that_is_not_there'" in str(caught.value)
    assert "broken.py" in str(caught.value)


@needs_locust
def test_a_user_that_the_file_does_not_have_is_named(load: Loader) -> None:
    run = load(Locustfile(READING, user="Nobody", host=NOWHERE), users=1)
    with pytest.raises(SetupFailed, match=r"(?s)Locust ended before it could begin.*Unknown User\(s\): Nobody"):
        run.__enter__()


@needs_locust
def test_users_without_a_host_are_told(load: Loader) -> None:
    run = load(Locustfile(READING, user="Reader"), users=1)
    with pytest.raises(UsageError, match=r"Reader has no host: say Locustfile\(host=...\)"):
        run.__enter__()


@needs_locust
@pytest.mark.parametrize("host", ["https://shop.example.org", None])
def test_a_host_that_was_not_allowed_is_not_touched(load: Loader, tmp_path: Path, host: str | None) -> None:
    file = tmp_path / "elsewhere.py"
    file.write_text(
        "from locust import FastHttpUser, task\n"
        "class Reader(FastHttpUser):\n"
        "    host = 'https://shop.example.org'\n"
        "    @task\n"
        "    def read(self):\n"
        "        self.client.get('/')\n"
    )
    run = load(Locustfile(file, host=host), users=1)
    with pytest.raises(TargetNotAllowed, match=r"shop\.example\.org"):
        run.__enter__()
    assert len(run.samples) == 0


@needs_locust
def test_a_configuration_that_would_fork_is_refused(
    load: Loader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "locust.conf").write_text("processes = 2\n")
    monkeypatch.chdir(tmp_path)
    run = load(Locustfile(READING, user="Reader", host=NOWHERE), users=1)
    with pytest.raises((UsageError, SetupFailed), match="processes"):
        run.__enter__()


def test_the_options_say_who_runs_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    assert LocustSettings.of(Options(locust_workers=3)) == LocustSettings(workers=3)
    options = Options(locust_bind=("10.0.0.7", 5557), locust_token="abc")
    site = LocustSettings.of(options).site
    assert site is not None and site.command.endswith("locust_join 10.0.0.7:5558 abc")
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw0")
    with pytest.raises(UsageError, match="run without -n"):
        LocustSettings.of(options)
