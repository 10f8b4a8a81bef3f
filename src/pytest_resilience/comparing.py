"""The hooks of pytest behind `--resilience-baseline`: a test that is worse than its earlier runs fails.

Each test is judged where it runs, by a book that was read once, at the start; what it came to goes with its report to
the process that writes the book at the end.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_resilience.errors import UsageError
from pytest_resilience.fixtures import OPTIONS, STORY

if TYPE_CHECKING:
    from pytest_resilience.report.baseline.book import Book
    from pytest_resilience.report.baseline.review import Review

TEXT = "resilience_baseline"  # the book, on its way to xdist's workers; and a review, on its way back
REVIEW = pytest.StashKey["Review | None"]()


@dataclass
class Comparer:
    """Registered as a plugin where a baseline was asked for, in every process that runs tests."""

    path: Path
    text: str
    book: Book
    conditions: str
    update: str
    seed: int

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Compare what a test came to that has passed, and fail it where that is worse."""
        item.stash[REVIEW] = None  # of an earlier time, where a test is run again
        result = yield
        from pytest_resilience.report.baseline.book import PastRun
        from pytest_resilience.report.baseline.machine import machine
        from pytest_resilience.report.baseline.review import review
        from pytest_resilience.report.baseline.taking import take

        story = item.stash[STORY]
        taken = take(story)
        if not taken.figures and not taken.untold:
            return result
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        run = PastRun(now, machine(), self.seed, taken.figures)
        found = item.stash[REVIEW] = review(self.book, item.nodeid, self.conditions, taken, run)
        for row in found.rows:
            if found.earlier:
                story.timeline.claim(f"no worse than in {self.path.name}: {row.name}", row.outcome, row.text)
        if found.regressed and self.update != "all":
            pytest.fail(_complaint(found, self.path), pytrace=False)
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Send the review with the report of the test."""
        report = yield
        found = item.stash.get(REVIEW, None)
        if report.when == "call" and found is not None:
            setattr(report, TEXT, found.to_text())
        return report

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: object) -> None:
        """Give the book to an xdist worker, so that all compare with the same."""
        node.workerinput[TEXT] = self.text  # type: ignore[attr-defined]


class Keeper:
    """Registered as a plugin where the book is written: not in the workers of xdist."""

    def __init__(self, comparer: Comparer) -> None:
        self._comparer = comparer
        self._reviews: dict[str, Review] = {}
        self._trouble = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take what a test came to; of one that is run again, the last time counts."""
        text = getattr(report, TEXT, None)
        if isinstance(text, str):
            from pytest_resilience.report.baseline.review import Review

            self._reviews[report.nodeid] = Review.from_text(text)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the book, with the runs that are accepted."""
        accepted = [one for one in self._reviews.values() if self._accepts(one)]
        if not accepted:
            return
        from pytest_resilience.report.baseline.book import Book, read, write

        path = self._comparer.path
        try:
            book = Book.from_text(read(path), str(path))  # as it is now: another session may have added to it
            for one in accepted:
                worse = frozenset(row.name for row in one.regressed)
                book.add(one.scenario, one.conditions, one.run, anew=worse)
            write(path, book)
        except (OSError, UsageError) as error:
            self._trouble = str(error)
            session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED

    def _accepts(self, review: Review) -> bool:
        return self._comparer.update == "all" or (self._comparer.update == "good" and not review.regressed)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what was compared, and what could not be."""
        counts = Counter(row.outcome for one in self._reviews.values() for row in one.rows if one.earlier)
        new = sum(not one.earlier for one in self._reviews.values())
        head = ", ".join(
            f"{count} {word}"
            for count, word in (
                (counts["met"], "no worse"),
                (counts["missed"], "accepted" if self._comparer.update == "all" else "regressed"),
                (counts["inconclusive"], "cannot be told"),
            )
            if count
        )
        terminalreporter.section(f"resilience baseline {self._comparer.path.name}")
        kept = sum(map(self._accepts, self._reviews.values()))
        terminalreporter.line(f"figures: {head or 'none compared'}; scenarios: {new} new, {kept} added to the file")
        for name, one in sorted(self._reviews.items()):
            if one.regressed or one.elsewhere or any(row.outcome != "met" for row in one.rows):
                terminalreporter.line(f"{name}: {one}")
                for line in one.doubts():
                    terminalreporter.line(f"  {line}")
        if self._trouble:
            terminalreporter.line(f"NOT WRITTEN: {self._trouble}", red=True)


def _complaint(found: Review, path: Path) -> str:
    lines = [
        f"worse than in {path.name} ({found.conditions}):",
        *(f"  {row}" for row in found.regressed),
        *([f"  ({found.elsewhere})"] if found.elsewhere else []),
        "if that is meant, accept it and begin these figures anew: --resilience-baseline-update=all",
    ]
    return "\n".join(lines)


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Read the book, where one was asked for."""
    options = config.stash.get(OPTIONS, None)
    if options is None or options.baseline is None or config.option.collectonly:
        return
    from pytest_resilience.report.baseline.book import Book, read
    from pytest_resilience.services.choice import choose

    path = config.invocation_params.dir / options.baseline
    worker = getattr(config, "workerinput", None)
    try:
        if worker is None:
            _require(path, options.baseline_update)
        text = read(path) if worker is None else worker[TEXT]
        book = Book.from_text(text, str(path))
        conditions = f"{choose(options, pull=False).backend}, {options.size}"
    except UsageError as error:
        raise pytest.UsageError(str(error)) from error
    comparer = Comparer(path, text, book, conditions, options.baseline_update, options.seed)
    config.pluginmanager.register(comparer, "resilience-baseline")
    if worker is None:
        config.pluginmanager.register(Keeper(comparer), "resilience-baseline-keeper")


def _require(path: Path, update: str) -> None:
    """Raise UsageError for a file that nothing could come of."""
    if path.is_dir():
        raise UsageError(
            f"--resilience-baseline={path}: is a folder; name a file in it, such as {path / 'baseline.json'}"
        )
    if not path.parent.is_dir():
        raise UsageError(f"--resilience-baseline={path}: there is no folder {path.parent}; make it first")
    if update == "none" and not path.exists():
        raise UsageError(
            f"--resilience-baseline={path}: there is no such file, so nothing would be compared; write one first, "
            "without --resilience-baseline-update=none"
        )
