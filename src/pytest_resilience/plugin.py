"""The pytest plugin: options, markers, header, and the report of each test's story."""

from __future__ import annotations

import random
import shlex
import sys
import time
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Literal

import pytest

from pytest_resilience import timeline
from pytest_resilience.errors import NotHealed, ResilienceError, Unsupported
from pytest_resilience.faults.leftover import complaint, heal
from pytest_resilience.fixtures import NOTES, OPTIONS, PROGRESS, STORY
from pytest_resilience.option import TABLE, Option
from pytest_resilience.options import Options, resolve
from pytest_resilience.report.hooks import ProgressHooks
from pytest_resilience.report.story import Story
from pytest_resilience.report.text import summary_line, timeline_lines
from pytest_resilience.tail import last_lines

if TYPE_CHECKING:
    from pytest_resilience.faults.visit import Visit

pytest_plugins = (
    "pytest_resilience.fixtures",
    "pytest_resilience.reporting",
    "pytest_resilience.comparing",
    "pytest_resilience.soaking",
)

PROPERTY = "resilience"
MONKEY = "resilience_monkey"
COVERAGE = "resilience_coverage"

MARKERS = (
    "chaos: a scenario that breaks something: run them with `pytest -m chaos`",
    "load: a scenario that asks whether the service carries a load: `pytest -m load`",
    "stress: a scenario that exhausts a resource or looks for a limit: `pytest -m stress`",
    "soak: a scenario that takes hours at full size: `pytest -m soak`",
    "failure_mode(title, symptom=, detection=, mitigation=): what a scenario stands for; the report has its runbook",
    "no_monkey: a test that `--resilience-monkey` leaves alone, as it does every scenario",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add every row of the table as a flag and as an ini key."""
    group = parser.getgroup("resilience", "chaos, load and stress scenarios (pytest-resilience)")
    kinds: dict[bool, Literal["linelist", "string"]] = {True: "linelist", False: "string"}
    for option in TABLE:
        default = f" Default: {option.default}." if option.default else ""
        group.addoption(
            option.flag,
            dest=option.key,
            action="append",
            metavar="|".join(option.choices) or option.name.rpartition("-")[2].upper(),
            help=f"{option.help}{default} Ini: {option.key}.",
        )
        parser.addini(option.key, option.help, type=kinds[option.repeatable], default=None)


def pytest_configure(config: pytest.Config) -> None:
    """Resolve the options once, and register the markers."""
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    worker = getattr(config, "workerinput", None)

    def given(option: Option) -> str | list[str] | None:
        flag: list[str] | None = config.getoption(option.key)
        if flag is not None:
            return flag
        ini: str | list[str] | None = config.getini(option.key)
        return ini or None

    def fresh_seed() -> int:
        # An xdist worker has to draw what its controller has announced.
        return int(worker[PROPERTY]) if worker else random.SystemRandom().getrandbits(32)

    try:
        options = resolve(given, fresh_seed=fresh_seed)
        if options.backend == "docker":
            from pytest_resilience.services.choice import choose

            choose(options, pull=False)
        _require_link_server(options)
    except ResilienceError as error:
        raise pytest.UsageError(str(error)) from error
    config.stash[OPTIONS] = options
    config.stash[NOTES] = []
    config.stash[PROGRESS] = ProgressHooks(options.progress)
    config.pluginmanager.register(config.stash[PROGRESS], "resilience-progress")


def _require_link_server(options: Options) -> None:
    """Raise BackendUnavailable if the server behind links that was asked for by name is not to be had."""
    if options.toxiproxy == "server":
        from pytest_resilience.links.choice import find_program

        find_program()
    elif options.toxiproxy == "docker":
        from pytest_resilience.services.tool import need_docker

        need_docker("--resilience-toxiproxy=docker", options.toxiproxy_image)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: object) -> None:
    """Give the seed to an xdist worker."""
    config: pytest.Config = node.config  # type: ignore[attr-defined]
    node.workerinput[PROPERTY] = config.stash[OPTIONS].seed  # type: ignore[attr-defined]


def pytest_report_header(config: pytest.Config) -> str:
    """Say backend and why, versions of the real components, the seed and how to replay."""
    from pytest_resilience.header import header

    return header(config.stash[OPTIONS])


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Let an xdist worker hand in what it has to say."""
    worker = getattr(session.config, "workeroutput", None)
    if worker is not None:
        worker[PROPERTY] = session.config.stash[NOTES]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object, error: object) -> None:  # noqa: ARG001  (the hook names it)
    """Take over what an xdist worker had to say; one that crashed says nothing."""
    notes: list[str] = getattr(node, "workeroutput", {}).get(PROPERTY, [])
    node.config.stash[NOTES].extend(notes)  # type: ignore[attr-defined]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Give each test its own timeline."""
    story = item.stash[STORY] = Story()
    before = timeline.set_current(story.timeline)
    try:
        return (yield)
    finally:
        timeline.set_current(before)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Note when the test itself began, and let the monkey at it where that was asked for.

    What was struck before belongs to the test's fixtures.
    """
    story, options = item.stash[STORY], item.config.stash[OPTIONS]
    story.called = time.monotonic()
    if options.monkey is None or _is_left_alone(item):
        return (yield)
    from pytest_resilience.faults.visit import Visit

    story.visit = Visit(options.monkey, story.targets, seed=options.seed_for(item.nodeid))
    try:
        return (yield)
    finally:
        story.visit.end()


def _is_left_alone(item: pytest.Item) -> bool:
    """Whether `--resilience-monkey` spares it: scenarios break things themselves, and judge what comes of that."""
    return any(item.get_closest_marker(name) for name in ("no_monkey", "chaos", "load", "stress", "soak"))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, None, None]:
    """Undo the faults that the test left in force, and fail it for that.

    Those that the test itself entered are healed before its fixtures are torn down, while their
    targets are still there; those that its fixtures entered have to be healed by them.
    """
    story = item.stash[STORY]
    left = [episode for episode in story.timeline.in_force if story.called and episode.struck >= story.called]
    troubles = heal(left[::-1])
    try:
        yield
    finally:
        later = [episode for episode in story.timeline.in_force if episode not in left]
        left += later
        troubles += heal(later[::-1])
        # A test whose event loop was stopped by a time-out could not leave its `async with`, and has failed for that.
        excused = not story.passed and any(episode.awaited for episode in left)
        if troubles or (left and not excused):
            raise NotHealed(complaint(left, troubles))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the story: one line to each test's properties, and to a failure the timeline and the logs.

    A test that asked for what this machine or backend cannot do is skipped, with the reason.
    """
    story = item.stash.get(STORY, None)
    if story is not None:
        item.user_properties += _properties_of(item, story, call)
    reason = str(call.excinfo.value) if call.excinfo and isinstance(call.excinfo.value, Unsupported) else None
    if reason is not None:
        call.excinfo = pytest.CallInfo.from_call(lambda: pytest.skip(reason), call.when).excinfo
    report = yield
    if story is not None and call.when == "call":
        story.passed = report.passed
    if reason is not None:
        path, line, _ = item.reportinfo()
        report.longrepr = (str(path), (line or 0) + 1, f"Skipped: {reason}")  # where the test is, not where we are
    if story is not None and report.failed:
        if story.visit is not None and story.visit.said:
            report.sections.append(("resilience monkey", _replay(item, story.visit)))
        lines = timeline_lines(story.timeline)
        if lines:
            report.sections.append(("resilience timeline", "\n".join(lines)))
        for name, service in story.services.items():
            report.sections.append((f"resilience log of {name}", _end_of(service.logs)))
    return report


def _end_of(logs: Callable[[], str]) -> str:
    """Return the last lines of a log. With the last test of a session its servers go, and their logs with them."""
    try:
        return last_lines(logs())
    except FileNotFoundError:
        return "(gone: the session ended with this test)"


def pytest_make_parametrize_id(val: object) -> str | None:
    """Name the tests of a fault matrix: `redis_server-killed`."""
    matrix = sys.modules.get("pytest_resilience.faults.matrix")  # not loaded for those who have no cell
    return str(val) if matrix is not None and isinstance(val, matrix.Cell) else None


def _replay(item: pytest.Item, visit: Visit) -> str:
    options = item.config.stash[OPTIONS]
    again = f"--resilience-seed={options.seed} --resilience-monkey={options.monkey}"
    return "\n".join([*visit.said, f"replay: pytest {shlex.quote(item.nodeid)} {again}"])


def _properties_of(item: pytest.Item, story: Story, call: pytest.CallInfo[None]) -> list[tuple[str, object]]:
    """Return what the end of the session has to know of a test; it travels with the report, from xdist workers too."""
    from pytest_resilience.report.coverage import covered

    found: list[tuple[str, object]] = []
    called = call.when == "call"
    if called and story.told:
        found.append((PROPERTY, summary_line(story)))
    if called and item.config.stash[OPTIONS].monkey is not None:
        from pytest_resilience.report.monkeys import ALONE

        told = ALONE if story.visit is None else story.visit.told
        found += [(MONKEY, told)] if told else []
    if (called or (call.when == "setup" and call.excinfo is not None)) and (told := covered(story)):
        found.append((COVERAGE, told))
    return found


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say in a line each what the scenarios did, and what the reader has to know besides."""
    from pytest_resilience.report.coverage import grid_lines, merged

    lines = [f"{head}: {value}" for head, value in _properties(terminalreporter, PROPERTY)]
    notes: list[str] = config.stash[NOTES]
    every = [told for _, told in _properties(terminalreporter, COVERAGE, phases=("setup", "call"))]
    lines += grid_lines(merged(every), width=config.get_terminal_writer().fullwidth)
    monkey = config.stash[OPTIONS].monkey
    if monkey is not None:
        from pytest_resilience.report.monkeys import monkey_lines

        lines += monkey_lines(str(monkey), [value for _, value in _properties(terminalreporter, MONKEY)])
    lines += [f"note: {note}" for note in dict.fromkeys(notes)]
    if lines:
        terminalreporter.section("resilience")
        for line in lines:
            terminalreporter.line(line)


def _properties(
    terminalreporter: pytest.TerminalReporter, wanted: str, *, phases: tuple[str, ...] = ("call",)
) -> list[tuple[str, str]]:
    """Return outcome and node id of each test that has this property, and its value; from xdist workers too."""
    return [
        (f"{report.outcome.upper()} {report.nodeid}", str(value))
        for reports in terminalreporter.stats.values()
        for report in reports
        if isinstance(report, pytest.TestReport) and report.when in phases
        for name, value in report.user_properties
        if name == wanted
    ]
