"""Mistakes of users: each is one clear line of an error that says what to do, in the test that made it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from xml.etree import ElementTree as ET

import pytest

HEAD = """
import sys
import pytest
from pytest_resilience import SLO, Breakage, Get, Post, Receipt, fault, ramp, steady, together, user

URL = "http://127.0.0.1:9/"

@fault
def broken() -> Breakage:
    yield Receipt(parts=1)
"""

# By the mistake: the fixtures and the body of the test that makes it, and the line that it is told.
MISTAKES = {
    "neither rate nor users": (
        "load",
        "load(Get(URL))",
        r"UsageError: load: say how much: rate= \(arrivals per second\) or users= \(users at work\)",
    ),
    "both rate and users": (
        "load",
        "load(Get(URL), rate=1, users=1)",
        r"UsageError: load: rate=1 and users=1 are two models: give rate= .*, or users= .*",
    ),
    "no load at all": ("load", "load(Get(URL), rate=0)", r"UsageError: .*rate=0.*no load at all.*"),
    "a URL instead of a request": (
        "load",
        "load(URL, rate=1)",
        r"UsageError: load\('http://127.0.0.1:9/'\): expected a request such as Get\(url\), a function, .*",
    ),
    "a coroutine instead of its function": (
        "load",
        "async def read(): pass\nload(read(), rate=1)",
        r"UsageError: read\(\) was called already: pass the function itself, without parentheses",
    ),
    "another's host": (
        "load",
        "load(Get('http://shop.example/'), rate=1)",
        r"TargetNotAllowed: target 'shop.example' is neither .*--resilience-allow-target=shop.example",
    ),
    "hold before the with": (
        "load",
        "load(lambda: None, rate=1).hold(1)",
        r"UsageError: hold: <Run <lambda>, rate steady 1: not begun> has not begun: use it inside `with load.*",
    ),
    "a fault instead of its episode": (
        "load",
        "with load(lambda: None, rate=99) as run: run.hold(0.05)\nassert run.before(broken())",
        r"UsageError: <Fault broken: inert>, a Fault, cuts no windows: give the episode, which is what `with` gives.*",
    ),
    "the recovery from a fault instead of its episode": (
        "load",
        "with load(lambda: None, rate=99) as run: run.hold(0.05)\nrun.recovery(broken(), to=SLO(p95=1))",
        r"UsageError: <Fault broken: inert>, a Fault, cuts no windows: .*",
    ),
    "hold after the with": (
        "load",
        "with load(lambda: None, rate=99) as run: run.hold(0.05)\nrun.hold(1)",
        r"UsageError: hold: <Run <lambda>, rate steady 99: .*> is over: use it inside `with load.*",
    ),
    "a run without a call": (
        "load",
        "with load(lambda: None, rate=steady(0, lasting=99) + steady(1)) as run: pass",
        r"NoSamples: <lambda>, rate steady 0 .*: not one call was made in .*hold the load.*",
    ),
    "finish without an end": (
        "load",
        "with load(lambda: None, rate=99) as run: run.finish()",
        r"UsageError: finish: <Profile steady 99> never ends: hold it, or give it an end .*",
    ),
    "an empty window": (
        "load",
        (
            "with load(lambda: None, rate=99) as run: run.hold(0.05)\n"
            "with broken() as episode: pass\nassert run.after(episode).error_rate == 0"
        ),
        r"NoSamples: after broken: there are no samples.*",
    ),
    "an empty window judged": (
        "load",
        (
            "with load(lambda: None, rate=99) as run: run.hold(0.05)\n"
            "with broken() as episode: pass\nassert SLO(p95=1).met_by(run.after(episode))"
        ),
        r"NoSamples: after broken: there are no samples.*SLO\(p95=1\) is neither met nor missed; hold .*",
    ),
    "a quantile of a few samples": (
        "load",
        "with load(lambda: None, rate=99) as run: run.hold(0.05)\nassert run.samples.p99 < 1",
        r"TooFewSamples: .*p99.*",
    ),
    "an SLO of nothing": ("", "SLO()", r"UsageError: SLO\(\) promises nothing: give at least one of p50, .*"),
    "an SLO in milliseconds and per cent": (
        "",
        "SLO(error_rate=5)",
        r"UsageError: SLO\(error_rate=5\): a ratio is 0 to 1; one per cent is 0.01",
    ),
    "a fault in itself": (
        "",
        "with broken(), broken(): pass",
        r"FaultInForce: broken is already in force; a fault cannot be nested in itself: heal the first one .*",
    ),
    "a fault together with itself": (
        "",
        "with together(broken(), broken()): pass",
        r"FaultInForce: broken is already in force.*",
    ),
    "nothing together": ("", "together()", r"UsageError: together\(\) needs at least one fault"),
    "a list for a command": (
        "service",
        "service([sys.executable, '-m', 'http.server'])",
        r"UsageError: service\(name='service'\): a word of the command is \[.*, of type list; .*one by one.*",
    ),
    "no command": ("service", "service()", r"UsageError: service\(name='service'\): no command to run; .*"),
    "a port of a worker": (
        "service",
        "service(sys.executable, '-c', '{port}', port=False)",
        r"UsageError: service\(name='service', port=False\): \{port\} is used, and there is no port to put there",
    ),
    "a service that dies at once": (
        "service",
        "service(sys.executable, '-c', 'raise SystemExit(\"no licence\")')",
        (
            r"ServiceNotReady: service at 127.0.0.1:\d+: ended with exit status 1 before it was ready, .* s after its "
            r"start; the end of its log:"
        ),
    ),
    "a program that is not there": (
        "service",
        "service('shop-of-nobody')",
        r"BackendUnavailable: there is no program 'shop-of-nobody' on PATH; install it or give its whole path",
    ),
    "a link to a fixture that is none": (
        "link",
        "link(7000)",
        r"UsageError: a link to 7000: expected a service, host:port, or a URL; this is of type int",
    ),
    "a link to another's host": (
        "link",
        "link('db.example:5432')",
        r"TargetNotAllowed: target 'db.example' is neither .*--resilience-allow-target=db.example",
    ),
    "a closure over a fixture": (
        "service, load",
        (
            "app = service(sys.executable, '-c', 'import time; time.sleep(60)', port=False)\n"
            "def ask(): return app.logs()\nload(ask, rate=1)"
        ),
        r"NotPortable: ask captures 'app', a Service, which cannot travel to the driver process .*",
    ),
    "a closure over a fixture that makes things": (
        "load",
        "load(lambda: load, rate=1)",
        r"NotPortable: <lambda> captures 'load', a Loader, which cannot travel to the driver process .*",
    ),
}

# Mistakes that are found before or after the test itself.
OTHERS = """
def test_forgetful(load):
    load(Get(URL), rate=5)

def test_failed_early(load):
    load(Get(URL), rate=5)
    raise ValueError("by itself")

@pytest.fixture
def shop(service):
    return service(sys.executable, "-c", "raise SystemExit('no licence')", name="shop")

def test_of_a_broken_fixture(shop, load):
    load(Get(shop.url), rate=5)
"""


@dataclass(frozen=True)
class Told:
    """What is told of one test: of its call, its setup or its teardown."""

    kind: str
    text: str


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Told]]:
    """What each test that makes a mistake is told; they are all run at once."""
    folder = tmp_path_factory.mktemp("mistakes")
    (folder / "test_mistakes.py").write_text(HEAD + "".join(map(source, range(len(MISTAKES)))) + OTHERS)
    options = ["-q", "-p", "no:cacheprovider", "--resilience-backend=process", "--junitxml=told.xml"]
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    subprocess.run([sys.executable, "-m", "pytest", *options], cwd=folder, env=env, capture_output=True, text=True)
    cases: dict[str, list[Told]] = {}
    for case in ET.parse(folder / "told.xml").iter("testcase"):
        cases.setdefault(case.attrib["name"], []).extend(
            Told(entry.tag, entry.attrib["message"]) for entry in case if entry.tag in {"failure", "error"}
        )
    return cases


def source(number: int) -> str:
    """Return the test that makes a mistake."""
    fixtures, body, _ = MISTAKES[list(MISTAKES)[number]]
    return f"\ndef test_{number}({fixtures}):\n{textwrap.indent(body, '    ')}\n"


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_mistake_is_told_in_one_clear_line(told: dict[str, list[Told]], mistake: str) -> None:
    (only,) = told[f"test_{list(MISTAKES).index(mistake)}"]
    line, *rest = only.text.splitlines()
    assert only.kind == "failure"
    assert re.fullmatch(rf"pytest_resilience\.errors\.{MISTAKES[mistake][2]}", line), only.text
    assert not rest or line.endswith("the end of its log:")


def test_a_run_that_is_never_entered_is_told_at_the_end_of_its_test(told: dict[str, list[Told]]) -> None:
    (only,) = told["test_forgetful"]
    assert only.kind == "error"
    assert re.search(
        r"UsageError: <Run GET /, rate steady 5: not begun>: load was prepared and never driven", only.text
    )


def test_a_test_that_has_failed_is_not_told_of_the_run_it_did_not_come_to(told: dict[str, list[Told]]) -> None:
    (only,) = told["test_failed_early"]
    assert (only.kind, only.text.splitlines()[0]) == ("failure", "ValueError: by itself")


def test_a_fixture_that_asks_for_what_cannot_be_is_told_so_once(told: dict[str, list[Told]]) -> None:
    (only,) = told["test_of_a_broken_fixture"]
    assert only.kind == "error"
    assert "ServiceNotReady: shop at 127.0.0.1:" in only.text
    assert "no licence" in only.text
