"""Failure modes, their catalogue and their pages."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_resilience import UsageError
from pytest_resilience.report.catalogue import catalogue
from pytest_resilience.report.failure import FailureMode, check, parse
from pytest_resilience.report.findings import Impact, Seen
from pytest_resilience.report.folder import Folder
from pytest_resilience.report.markdown import markdown as summary
from pytest_resilience.report.page import page
from pytest_resilience.report.record import Record, Remark, Session, Strike
from pytest_resilience.report.runbook import html, markdown

SESSION = Session(began=1_000_000.0, size="quick", seed=7, about=("resilience: process backend",))
GONE = FailureMode(
    title="Redis is <gone>",
    symptom=("Pages are slower.",),
    detection=("`/ready` is 503.",),
    mitigation=("One.", "Two."),
)
IMPACT = Impact(
    fault="redis.killed", struck=1.0, drive="GET /slots", noticed=0.127, by="status 503", over=0.2, calm=3.0,
    before=Seen(samples=100, outcomes={"200": 100}, p50=0.002, p95=0.004),
    during=Seen(samples=90, outcomes={"status 503": 60, "200": 30}, p50=0.003, p95=0.2),
    after=Seen(samples=50, outcomes={"200": 50}),
)  # fmt: skip
RECORD = Record(
    name="tests/test_a.py::test_b", outcome="passed", began=1_000_002.0, seconds=4.5, story="Slots are served.",
    kinds=("chaos",), failure="", replay="pytest tests/test_a.py::test_b --resilience-seed=7",
    strikes=(Strike(name="redis.killed", struck=1.0, healed=3.5, receipt={"processes_killed": 1}, bit=True),),
    remarks=(Remark(at=0, text="load began"), Remark(at=5, text="recovery from redis.killed to SLO(p95=1): 0.20 s")),
    modes=(GONE,), impacts=(IMPACT,),
)  # fmt: skip
GIVEN = {"symptom": "a", "detection": "b", "mitigation": ["c", "d"]}


def test_a_marker_is_a_title_and_three_parts_of_text_or_steps() -> None:
    mode = parse(["Redis  is gone!"], GIVEN, where="t")
    assert mode == FailureMode(title="Redis is gone!", symptom=("a",), detection=("b",), mitigation=("c", "d"))
    assert mode.slug == "redis-is-gone"


@pytest.mark.parametrize(
    ("args", "kwargs", "wrong"),
    [
        ([], GIVEN, "expected one title"),
        (["a", "b"], GIVEN, "expected one title"),
        ([3], GIVEN, "expected one title"),
        (["..."], GIVEN, "expected one title"),
        (["a"], {"symptom": "a", "detection": "b"}, "mitigation= is missing"),
        (["a"], GIVEN | {"severity": "high"}, "severity= is unknown"),
        (["a"], GIVEN | {"symptom": " "}, "symptom=: ' ' is no text"),
        (["a"], GIVEN | {"symptom": 5}, "symptom=: expected text, or a list"),
        (["a"], GIVEN | {"mitigation": []}, "mitigation=: expected text, or a list"),
        (["a"], GIVEN | {"mitigation": ["a", None]}, "mitigation=: None is no text"),
    ],
)
def test_a_marker_that_says_too_little_is_named_with_its_test(
    args: list[object], kwargs: dict[str, object], wrong: str
) -> None:
    with pytest.raises(UsageError, match=rf"test_x: failure_mode\(.*{re.escape(wrong)}"):
        parse(args, kwargs, where="test_x")


def test_one_page_has_one_meaning() -> None:
    check([("a", GONE), ("b", GONE)])
    with pytest.raises(UsageError, match=r"^b: failure_mode\('Redis: is gone'\).*that of a.*redis-is-gone"):
        check([("a", GONE), ("b", replace(GONE, title="Redis: is gone"))])


def test_a_record_keeps_its_findings_on_its_journey() -> None:
    assert Record.from_json(RECORD.to_json()) == RECORD


def test_the_catalogue_gathers_the_tests_of_a_mode() -> None:
    hidden = replace(IMPACT, noticed=None, over=None, during=Seen(samples=9, outcomes={"200": 9}))
    slow = replace(IMPACT, noticed=1.5)
    skipped = replace(RECORD, outcome="skipped")
    (entry,) = catalogue([RECORD, replace(RECORD, impacts=(hidden, slow)), skipped, replace(RECORD, modes=())])
    assert len(entry.records) == 3
    assert entry.noticed == "127 ms to 1.5 s (1 of 3 not at all)"
    assert entry.over == "200 ms"
    assert entry.saw == {"status 503": 120, "200": 69}
    assert entry.slower == "4 ms → 200 ms"


@pytest.mark.parametrize(
    ("impacts", "noticed", "over"),
    [
        ((), "not measured", "–"),
        ((replace(IMPACT, noticed=None, over=None),), "not at all", "–"),
        ((replace(IMPACT, calm=0.0),), "127 ms", "not while the load went on"),
        ((IMPACT, replace(IMPACT, over=None)), "127 ms", "not while the load went on"),
    ],
)
def test_what_was_not_seen_is_not_made_up(impacts: tuple[Impact, ...], noticed: str, over: str) -> None:
    (entry,) = catalogue([replace(RECORD, impacts=impacts)])
    assert (entry.noticed, entry.over) == (noticed, over)


def test_both_kinds_of_runbook_tell_the_same() -> None:
    (entry,) = catalogue([RECORD])
    for text in (html(SESSION, entry), markdown(SESSION, entry)):
        for wanted in ("Redis is &lt;gone>", "Pages are slower.", "/ready", "One.", "Two.", "redis.killed", "2.5 s",
                       "processes killed 1", "after 127 ms, by status 503", "200 ms after the heal", "calm for 3 s",
                       "status 503 × 60, 200 × 30", "p95 200 ms", "recovery from redis.killed", "--resilience-seed=7",
                       "Slots are served."):  # fmt: skip
            assert wanted in text.replace("&gt;", ">"), wanted
        assert "load began" not in text
        assert "<gone>" not in text


def test_what_is_in_backticks_is_code_and_nothing_in_it_is_markup() -> None:
    mode = replace(GONE, detection=("`a<b` and `c` are 503; a ` alone is one.",))
    (entry,) = catalogue([replace(RECORD, modes=(mode,))])
    assert "<p><code>a&lt;b</code> and <code>c</code> are 503; a ` alone is one.</p>" in html(SESSION, entry)
    assert "`a&lt;b` and `c`" in markdown(SESSION, entry)


def test_a_page_loads_nothing() -> None:
    (entry,) = catalogue([RECORD])
    text = html(SESSION, entry)
    assert "<script" not in text
    assert not re.search(r"src=|url\(|@import|https?://", text)
    assert re.findall(r'href="([^"]*)"', text) == ["../index.html"]


def test_a_skipped_test_says_why_nothing_was_measured() -> None:
    (entry,) = catalogue([replace(RECORD, outcome="skipped", failure="x\nneeds root", impacts=())])
    assert "Not measured: needs root" in html(SESSION, entry)
    assert "Not measured: needs root" in markdown(SESSION, entry)


def test_the_report_lists_the_modes_and_leads_to_their_pages() -> None:
    text = page(SESSION, [RECORD])
    assert '<a href="runbooks/redis-is-gone.html">Redis is &lt;gone&gt;</a>' in text
    assert "| Redis is <gone> | 127 ms | 200 ms | status 503 × 60, 200 × 30 | 4 ms → 200 ms |" in summary(
        SESSION, [RECORD]
    )
    assert "Failure modes" not in page(SESSION, [replace(RECORD, modes=())])


def test_the_folder_has_two_files_a_mode_and_leaves_those_of_others(tmp_path: Path) -> None:
    folder = Folder(tmp_path, SESSION)
    assert not (tmp_path / "runbooks").exists()
    folder.add(RECORD)
    folder.add(replace(RECORD, name="test_second"))
    later = Folder(tmp_path, SESSION)
    later.add(replace(RECORD, modes=(replace(GONE, title="Other"),)))
    names = sorted(path.name for path in (tmp_path / "runbooks").iterdir())
    assert names == ["other.html", "other.md", "redis-is-gone.html", "redis-is-gone.md"]
    assert "test_second" in (tmp_path / "runbooks" / "redis-is-gone.md").read_text()
    (test,) = json.loads((tmp_path / "report.json").read_text())["tests"]
    assert test["modes"][0]["title"] == "Other"
    assert test["impacts"][0]["noticed"] == 0.127
