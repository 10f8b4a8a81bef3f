"""What was skipped in CI is counted: a reason that nobody knows fails, and so does a test that has passed nowhere."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

CI = Path(__file__).parents[2] / ".ci"
RULES = """
[tool]
reason = no tool on PATH
elsewhere = yes
why = it has a lane of its own

[device]
reason = there is no device here
most = 1
why = there is none
"""
SUITE = """
import pytest

def test_good():
    pass

@pytest.mark.parametrize("size", [1, 2])
def test_tool(size):
    pytest.skip("no tool on PATH:\\nmake it <now> & here")

@pytest.mark.skipif(True, reason="there is no device here")
def test_device():
    pass

@pytest.mark.xfail(reason="odd")
def test_odd():
    raise OSError

def test_bad():
    raise OSError

@pytest.fixture
def torn():
    yield
    raise OSError

def test_torn(torn):
    pass
"""


@pytest.fixture
def skips(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("skips", CI / "skips.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "skips", module)
    spec.loader.exec_module(module)
    return module


Judge = Callable[..., tuple[int, str]]


@pytest.fixture
def judge(skips: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Judge:
    """Judges lanes, each a name and its tests with the reasons for which they were skipped, if they were."""

    def run(rules: str = RULES, **lanes: Mapping[str, str | None]) -> tuple[int, str]:
        (tmp_path / "skips.ini").write_text(rules)
        for name, tests in lanes.items():
            suite = ET.Element("testsuite")
            for test, reason in tests.items():
                case = ET.SubElement(suite, "testcase", classname="tests.test_suite", name=test)
                if reason:
                    ET.SubElement(case, "skipped", type="pytest.skip", message=reason)
            ET.ElementTree(suite).write(tmp_path / f"{name}.xml")
        try:
            status = skips.main([str(tmp_path / "skips.ini"), *(str(tmp_path / f"{name}.xml") for name in lanes)])
        except SystemExit as error:
            status = 1
            print(error)
        return status, capsys.readouterr().out

    return run


@pytest.mark.parametrize("beside", [(), ("-n", "2", "-p", "xdist")], ids=["alone", "side by side"])
def test_the_reports_of_pytest_are_understood(skips: Any, tmp_path: Path, beside: tuple[str, ...]) -> None:
    (tmp_path / "test_suite.py").write_text(SUITE)
    (tmp_path / "test_other.py").write_text("import pytest\npytest.skip('no sun', allow_module_level=True)\n")
    words = [sys.executable, "-m", "pytest", "-q", "--rootdir=.", "--junit-xml=lane.xml", *beside]
    env = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    subprocess.run(words, cwd=tmp_path, env=env, stdout=subprocess.DEVNULL, timeout=60)
    lane = skips.read_lane(tmp_path / "lane.xml")
    assert lane.passed == {"test_suite::test_good"}  # what failed in its teardown has not
    reasons = dict(lane.skipped)
    assert set(reasons) == {
        "::test_other", "test_suite::test_tool[1]", "test_suite::test_tool[2]", "test_suite::test_device",
        "test_suite::test_odd",
    }  # fmt: skip
    assert reasons["test_suite::test_tool[1]"].startswith("no tool on PATH: make it <now> & here")
    assert reasons["test_suite::test_device"].startswith("there is no device here")
    assert reasons["test_suite::test_odd"].startswith("xfail: odd")
    assert "no sun" in reasons["::test_other"]


def test_what_is_skipped_in_one_lane_and_passes_in_another_is_well(judge: Judge) -> None:
    plain = {"good": None, "tool[1]": "no tool on PATH", "tool[2]": "no tool on PATH", "gpu": "there is no device here"}
    status, said = judge(plain=plain, tools={"tool[1]": None, "tool[2]": None})
    assert (status, said) == (0, "plain: 1 passed, 3 skipped\ntools: 2 passed, 0 skipped\n")


def test_what_has_passed_in_no_lane_is_named(judge: Judge) -> None:
    tests = {"good": None, "tool[1]": "no tool on PATH", "tool[2]": "no tool on PATH"}
    status, said = judge(plain=tests, tools={"tool[1]": None, "tool[2]": "no tool on PATH"})
    assert status == 1
    missing = "tests.test_suite::tool[2] is skipped [tool] and has passed in no other lane: no tool on PATH"
    assert f"plain: {missing}" in said
    assert f"tools: {missing}" in said
    assert "tool[1]" not in said


def test_a_reason_that_nobody_knows_is_named(judge: Judge) -> None:
    status, said = judge(plain={"good": None, "night": "no moon"}, other={"night": None})
    assert status == 1
    assert "plain: tests.test_suite::night is skipped for a reason that nobody knows: no moon" in said


def test_more_than_there_may_be_are_counted_in_each_lane(judge: Judge) -> None:
    one = {"good": None, "a": "there is no device here"}
    assert judge(plain=one, other=one)[0] == 0
    status, said = judge(plain=one | {"b": "there is no device here"})
    assert status == 1
    assert "plain: 2 tests are skipped [device], and 1 may be" in said


def test_a_lane_in_which_nothing_passed_is_none(judge: Judge) -> None:
    for lane in ({}, {"tool": "no tool on PATH"}):
        status, said = judge(plain=lane, other={"tool": None})
        assert status == 1
        assert "plain.xml: no test has passed in this lane" in said


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ("[a]\nreason = x\nwhy = y\n", "needs reason, why, and either"),
        ("[a]\nreason = x\nelsewhere = yes\nmost = 2\nwhy = y\n", "needs reason, why, and either"),
        ("[a]\nreason = x\nmost = 2\n", "needs reason, why, and either"),
        ("[a]\nreasons = x\nmost = 2\nwhy = y\n", "has reasons; known are"),
    ],
)
def test_a_rule_that_means_nothing_is_refused(judge: Judge, rules: str, message: str) -> None:
    status, said = judge(rules, plain={"good": None})
    assert status == 1
    assert message in said


@pytest.mark.parametrize(
    ("reason", "where"),
    [
        ("no toxiproxy-server on PATH to compare with: .ci/toxiproxy.sh installs it", "elsewhere"),
        ("no toxiproxy-cli on PATH: .ci/toxiproxy.sh installs it", "elsewhere"),
        ("no Docker daemon: /var/run/docker.sock does not exist; start dockerd", "elsewhere"),
        ("no Docker daemon listens at /var/run/docker.sock; start dockerd", "elsewhere"),
        ("there is no Docker daemon at /var/run/docker.sock", "elsewhere"),
        ("the Docker daemon at /var/run/docker.sock does not answer: timed out", "elsewhere"),
        ("the Docker daemon has no image to make a container of", "elsewhere"),
        ("no image pytest-resilience/redis:local; make them with: python .ci/images.py", "elsewhere"),
        ("hogs.vram: there is no NVIDIA GPU here: libcuda.so.1 cannot be loaded", "nowhere"),
        ("packet faults: not allowed to make a network namespace", "never"),
        ("small: the Docker daemon cannot limit it to 53821440 bytes", "never"),
    ],
)
def test_the_rules_of_ci_know_what_is_said_here(judge: Judge, reason: str, where: str) -> None:
    rules = (CI / "skips.ini").read_text()
    plain = {"good": None, "test": reason}
    alone, beside = judge(rules, plain=plain)[0], judge(rules, plain=plain, docker={"test": None})[0]
    assert (alone, beside) == {"elsewhere": (1, 0), "nowhere": (0, 0), "never": (1, 1)}[where]
