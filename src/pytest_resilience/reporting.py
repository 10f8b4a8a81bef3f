"""The hooks of pytest behind `--resilience-report`: each test's record goes to whoever writes the report."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_resilience.errors import UsageError
from pytest_resilience.fixtures import NOTES, OPTIONS, STORY
from pytest_resilience.header import header

if TYPE_CHECKING:
    from pytest_resilience.report.folder import Folder

RECORD = "resilience_record"  # on a test's report: it travels from an xdist worker as any attribute does
KINDS = ("chaos", "load", "stress", "soak")
SUMMARY = "GITHUB_STEP_SUMMARY"


class Publisher:
    """Registered as a plugin where the report is written: not in the workers of xdist."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Put a test that is over into the report."""
        text = getattr(report, RECORD, None)
        if isinstance(text, str):
            from pytest_resilience.report.record import Record

            self._folder.add(Record.from_json(text))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say where the report is, and put its summary where a CI job shows it."""
        terminalreporter.line(f"resilience report: {self._folder.path / 'index.html'}")
        if self._folder.news:
            terminalreporter.line(f"resilience report: new kinds of errors of services: {self._folder.news}")
        target = os.environ.get(SUMMARY)
        if target and not self._folder.empty:
            with Path(target).open("a", encoding="utf-8") as summary:
                summary.write(self._folder.summary())


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Open the folder, where this process is the one that writes."""
    options = config.stash.get(OPTIONS, None)
    if options is None or options.report is None or hasattr(config, "workerinput") or config.option.collectonly:
        return
    from pytest_resilience.report.folder import Folder
    from pytest_resilience.report.record import Session

    about = tuple(header(options).splitlines())
    session = Session(began=time.time(), size=options.size, seed=options.seed, about=about)
    try:
        folder = Folder(config.invocation_params.dir / options.report, session)
    except UsageError as error:
        raise pytest.UsageError(str(error)) from error
    config.pluginmanager.register(Publisher(folder), "resilience-report")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse a failure mode that does not say what it is to say, before anything runs."""
    marked = [(item.nodeid, mark) for item in items for mark in item.iter_markers("failure_mode")]
    if not marked:
        return
    from pytest_resilience.report.failure import check, parse

    try:
        check([(where, parse(mark.args, mark.kwargs, where=where)) for where, mark in marked])
    except UsageError as error:
        raise pytest.UsageError(str(error)) from error


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Have a witness look at the services of a test while it lasts."""
    story = item.stash.get(STORY, None)
    if item.config.stash[OPTIONS].report is None or story is None:
        return (yield)
    from pytest_resilience.report.witness import Witness

    story.witness = Witness(story.services, origin=story.timeline.started, note=item.config.stash[NOTES].append)
    story.witness.begin()
    story.timeline.at_edge = story.witness.logs.mark
    try:
        return (yield)
    finally:
        story.witness.end()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Put the record of a test that has something to tell on its report."""
    report = yield
    story, options = item.stash.get(STORY, None), item.config.stash[OPTIONS]
    kinds = tuple(kind for kind in KINDS if item.get_closest_marker(kind))
    over = report.when == "call" or (report.when == "setup" and not report.passed)
    marks = list(item.iter_markers("failure_mode"))
    if options.report is None or story is None or not over or not (story.told or kinds or marks):
        return report
    from pytest_resilience.report.failure import parse
    from pytest_resilience.report.tell import tell

    record = tell(
        story,
        name=item.nodeid,
        outcome=report.outcome,
        seconds=report.duration,
        doc=_doc(item),
        kinds=kinds,
        failure="" if report.passed else _reason(report),
        replay=f"pytest {shlex.quote(item.nodeid)} --resilience-seed={options.seed} --resilience-size={options.size}",
        modes=tuple(parse(mark.args, mark.kwargs, where=item.nodeid) for mark in marks),
    )
    setattr(report, RECORD, record.to_json())
    return report


def _doc(item: pytest.Item) -> str:
    """Return what the test says of itself, or its file: a scenario is one story."""
    function = getattr(item, "function", None)
    module = getattr(item, "module", None)
    return (getattr(function, "__doc__", None) or getattr(module, "__doc__", None) or "").strip()


def _reason(report: pytest.TestReport) -> str:
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    return report.longreprtext
