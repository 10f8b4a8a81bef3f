"""The errors in logs, by the fault during which they were written; and those that are new."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_resilience.report.findings import Group, Impact, Seen
from pytest_resilience.report.folder import Folder
from pytest_resilience.report.logs import KINDS, Logs, bounded
from pytest_resilience.report.markdown import markdown
from pytest_resilience.report.novelty import Known
from pytest_resilience.report.page import page
from pytest_resilience.report.record import Drive, Record, Session
from pytest_resilience.report.said import SAME, UNKNOWN, answers
from pytest_resilience.timeline import Episode, Receipt

SESSION = Session(began=0.0, size="quick", seed=7)
GROUP = Group(source="app", kind="log", text="ERROR <n>", count=2, example="ERROR <7>", when={"during x.killed": 2})
RECORD = Record(
    name="test_a", outcome="passed", began=0.0, seconds=1.0, story="", kinds=(), failure="", replay="", groups=(GROUP,)
)


class Toy:
    def __init__(self, text: str = "") -> None:
        self.text = text
        self.error: Exception | None = None

    def logs(self) -> str:
        if self.error is not None:
            raise self.error
        return self.text

    def usage(self) -> None:
        raise NotImplementedError


def struck(name: str = "redis.killed") -> Episode:
    now = time.monotonic()
    return Episode(name, now, Receipt(n=1), striking=now)


def healed(episode: Episode) -> None:
    episode.healing = episode.healed = time.monotonic()


def test_each_error_is_of_the_time_in_which_it_was_written() -> None:
    toy, notes = Toy("ERROR of another test\n"), list[str]()
    services = {"app": toy}
    logs = Logs(services, note=notes.append)  # type: ignore[arg-type]
    logs.mark()
    toy.text += "ERROR 1\nINFO well\n"
    logs.mark()
    episode = struck()
    toy.text += "ERROR 2\nERROR 3\n"
    late = services["late"] = Toy("WARNING late\n")
    healed(episode)
    logs.mark()
    toy.text += "ERROR 4\n"
    late.text += "WARNING late\n"
    first, second = sorted(logs.groups([episode]), key=lambda group: group.source)
    assert (first.source, first.kind, first.text, first.count, first.example) == (
        "app", "log", "ERROR <n>", 4, "ERROR 1",
    )  # fmt: skip
    assert first.when == {"before": 1, "during redis.killed": 2, "after redis.killed": 1}
    assert second.when == {"during redis.killed": 1, "after redis.killed": 1}
    assert not notes


def test_a_log_that_cannot_be_read_is_said_once_and_let_be() -> None:
    toy, notes = Toy(), list[str]()
    toy.error = OSError("gone")
    logs = Logs({"app": toy}, note=notes.append)  # type: ignore[dict-item]
    logs.mark()
    logs.mark()
    assert logs.groups([]) == []
    assert notes == ["the log of app was not read any more: OSError('gone')"]


def test_a_log_that_became_shorter_is_read_as_it_is() -> None:
    toy = Toy("ERROR a\n" * 10)
    logs = Logs({"app": toy}, note=print)  # type: ignore[dict-item]
    logs.mark()
    toy.text = ""
    assert logs.groups([]) == []


def test_too_many_kinds_are_told_as_the_rest() -> None:
    many = [replace(GROUP, text=f"ERROR {n}", count=1 + (n == 3)) for n in range(KINDS + 5)]
    found = bounded(many)
    assert len(found) == KINDS + 1
    assert found[0].text == "ERROR 3"
    assert (found[-1].kind, found[-1].text, found[-1].count) == ("rest", "5 more kinds", 5)


def test_answers_are_the_failures_and_what_is_the_services_own_though_expected() -> None:
    seen = Seen(samples=9, outcomes={"503": 4, "200": 3, "refused": 2})
    impact = Impact(fault="x.killed", struck=0.0, drive="GET /", before=seen, during=seen, after=seen)
    drive = Drive(title="GET /", line="", began=0, ended=1, samples=20, errors={"refused": 5},
                  examples={"refused": "no"}, points=())  # fmt: skip
    refused, expected = answers([drive], [impact])
    assert (refused.text, refused.count, refused.example, refused.when) == ("refused", 5, "no", {"during x.killed": 2})
    assert (expected.text, expected.count) == ("503", 4)


def test_new_is_what_the_report_before_did_not_have_of_the_test(tmp_path: Path) -> None:
    first = Folder(tmp_path, SESSION)
    first.add(RECORD)
    first.add(replace(RECORD, name="test_b"))
    assert first.news == 0
    assert UNKNOWN in (tmp_path / "index.html").read_text()

    second = Folder(tmp_path, SESSION)  # of one test alone
    second.add(replace(RECORD, groups=(GROUP, replace(GROUP, text="FATAL"))))
    assert second.news == 1
    text = (tmp_path / "index.html").read_text()
    assert "<code>FATAL</code>" in text.partition("<h2>New errors</h2>")[2].partition("<h2>")[0]
    assert "- test_a: app: `FATAL` × 2" in (tmp_path / "summary.md").read_text()
    (test,) = json.loads((tmp_path / "report.json").read_text())["tests"]
    assert [group["new"] for group in test["groups"]] == [False, True]

    third = Folder(tmp_path, SESSION)  # what the first knew of the other is not forgotten
    third.add(replace(RECORD, name="test_b"))
    third.add(replace(RECORD, groups=(replace(GROUP, text="FATAL"),)))
    assert third.news == 0
    assert SAME in (tmp_path / "index.html").read_text()


@pytest.mark.parametrize("text", [None, "", "[]", '{"schema": "other"}', '{"schema": "pytest-resilience-report"}',
                                  '{"schema": "pytest-resilience-report", "tests": [{"groups": 3}]}'])  # fmt: skip
def test_what_is_no_report_is_nothing_to_compare_with(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "report.json"
    if text is not None:
        path.write_text(text)
    assert Known.of(path).judged(RECORD).groups[0].new is None


def test_a_skipped_test_and_the_rest_are_not_compared(tmp_path: Path) -> None:
    Folder(tmp_path, SESSION).add(replace(RECORD, outcome="skipped", groups=()))
    later = Known.of(tmp_path / "report.json")
    assert later.judged(RECORD).groups[0].new is None
    assert Known({"test_a": set()}).judged(RECORD).groups[0].new is True
    assert Known({"test_a": set()}).judged(replace(RECORD, groups=(replace(GROUP, kind="rest"),))).groups[0].new is None


def test_the_errors_of_a_test_are_on_its_page_and_nothing_of_them_is_markup() -> None:
    text = page(SESSION, [replace(RECORD, groups=(replace(GROUP, text="<script>"),))])
    assert "2 during x.killed" in text
    assert "<script" not in text
    assert "1 kinds of errors" in text
    assert "New errors" not in page(SESSION, [replace(RECORD, groups=())])
    assert "New errors" not in markdown(SESSION, [RECORD])
