"""The folder of a report: written anew after each test, so that a run that is killed leaves what finished."""

from __future__ import annotations

from pathlib import Path

from pytest_resilience.errors import UsageError
from pytest_resilience.replacing import replace_file
from pytest_resilience.report import runbook
from pytest_resilience.report.catalogue import catalogue
from pytest_resilience.report.markdown import markdown
from pytest_resilience.report.novelty import Known
from pytest_resilience.report.page import page
from pytest_resilience.report.record import Record, Session
from pytest_resilience.report.said import fresh

RUNBOOKS = "runbooks"


class Folder:
    """Holds `index.html`, `report.json` and `summary.md`, and in `runbooks` two files for each failure mode.

    A runbook of a failure mode that no test of this run stands for is left as an earlier run wrote it.

    :raises UsageError: it cannot be made or written to.
    """

    def __init__(self, path: Path, session: Session) -> None:
        self.path, self._session = path, session
        self._records: list[Record] = []
        self._known = Known.of(path / "report.json")
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._write()
        except OSError as error:
            raise UsageError(
                f"--resilience-report={path}: expected a folder that can be written to: {error}"
            ) from error

    def add(self, record: Record) -> None:
        """Take the record of a test that is over, and write everything."""
        record = self._known.judged(record)
        self._records.append(record)
        slugs = {mode.slug for mode in record.modes}
        for entry in catalogue(self._records) if slugs else ():
            if entry.mode.slug in slugs:
                (self.path / RUNBOOKS).mkdir(exist_ok=True)
                self._put(f"{RUNBOOKS}/{entry.mode.slug}.html", runbook.html(self._session, entry))
                self._put(f"{RUNBOOKS}/{entry.mode.slug}.md", runbook.markdown(self._session, entry))
        self._write()

    def summary(self) -> str:
        """Return the report as Markdown."""
        return markdown(self._session, self._records)

    @property
    def news(self) -> int:
        """How many kinds of errors came that the report before did not have."""
        return len(fresh(self._records))

    @property
    def empty(self) -> bool:
        """Whether no test had anything to tell."""
        return not self._records

    def _write(self) -> None:
        self._put("report.json", self._session.to_json(self._records, seen=self._known.plain))
        self._put("summary.md", self.summary())
        self._put("index.html", page(self._session, self._records))

    def _put(self, name: str, text: str) -> None:
        replace_file(self.path / name, text.encode())
