"""The page, the JSON and the Markdown of a report: complete, escaped, the worst first."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from pytest_resilience import Episode, Receipt, UsageError
from pytest_resilience.report.chart import Line, Scale, chart, linear, logarithmic
from pytest_resilience.report.coverage import covered, merged
from pytest_resilience.report.folder import Folder
from pytest_resilience.report.grid import Grid
from pytest_resilience.report.markdown import markdown
from pytest_resilience.report.page import page
from pytest_resilience.report.record import Drive, Judged, Point, Record, Remark, Session, Strike
from pytest_resilience.report.story import Story

SESSION = Session(began=1_000_000.0, size="quick", seed=7, about=("resilience: process backend; Redis <6>",))
KILLED = Strike(name="redis.killed", struck=1.0, healed=3.5, receipt={"processes_killed": 1}, bit=True)
RECORD = Record(
    name="tests/test_a.py::test_b[<script>]",
    outcome="failed",
    began=1_000_002.0,
    seconds=4.5,
    story="Slots are served while the cache is dead.",
    kinds=("chaos",),
    failure="assert <Verdict missed> & more\n" * 20,
    replay="pytest 'tests/test_a.py::test_b[<script>]' --resilience-seed=7",
    strikes=(KILLED,),
    judged=(Judged(at=4.0, promise="SLO(p99=0.25)", outcome="missed", text="missed: p99 300 ms > 250 ms"),),
    drives=(
        Drive(
            title="GET /slots, rate steady 100", line="no errors, n=400, 100/s", began=0.0, ended=4.0, samples=400,
            errors={"status 503": 40}, examples={"status 503": "<b>unavailable</b>"},
            points=(
                Point(at=0.5, rate=100.0, errors=0.0, p50=0.001, p95=0.002, p99=0.004),
                Point(at=1.5, rate=0.0, errors=0.0),
                Point(at=2.5, rate=100.0, errors=0.4, p50=0.3, p95=0.3, p99=0.3),
            ),
        ),
    ),
    remarks=(Remark(at=0.0, text="load began"),),
)  # fmt: skip
GOOD = replace(RECORD, name="test_good", outcome="passed", failure="", judged=(), drives=())


def test_a_record_survives_its_journey_as_json() -> None:
    assert Record.from_json(RECORD.to_json()) == RECORD


def test_the_page_shows_what_failed_first_and_open() -> None:
    text = page(SESSION, [GOOD, RECORD])
    assert text.index("test_a.py") < text.index("test_good")
    assert text.count("<details class=test open>") == 1
    for wanted in ("1</b>failed", "1</b>passed", "seed 7", "missed", "p99 300 ms &gt; 250 ms", "processes killed 1",
                   "status 503", "Slots are served", "load began", "--resilience-seed=7"):  # fmt: skip
        assert wanted in text, wanted


def test_nothing_of_a_test_becomes_markup_and_nothing_is_loaded() -> None:
    text = page(SESSION, [RECORD])
    assert "<script" not in text
    assert "<b>unavailable" not in text
    assert "Redis &lt;6&gt;" in text
    assert not re.search(r"(src|href)=|url\(|@import|https?://", text)


def test_a_fault_that_was_never_healed_is_loud() -> None:
    assert "never healed" in page(SESSION, [replace(RECORD, strikes=(replace(KILLED, healed=None),))])


def test_a_page_of_nothing_says_so() -> None:
    assert "nothing ran" in page(SESSION, [])
    assert "nothing ran" in markdown(SESSION, [])


def test_each_chart_is_well_formed_and_stays_within_itself() -> None:
    charts = re.findall(r"<svg.*?</svg>", page(SESSION, [RECORD]))
    assert len(charts) == 4
    for svg in charts:
        tree = ET.fromstring(svg)
        for line in tree.iter("polyline"):
            places = [tuple(map(float, pair.split(","))) for pair in line.attrib["points"].split()]
            assert all(0 <= x <= 722 and 0 <= y <= 150 for x, y in places)
        bands = [band for band in tree.iter("rect") if band.attrib["class"] == "band"]
        assert [band.findtext("title") for band in bands] == ["redis.killed"]


def test_a_gap_parts_a_line() -> None:
    line = Line("p50", "p50", [(0, 1.0), (1, None), (2, 1.0), (3, 1.0)])
    assert chart("t", "s", [line], linear([1]), bands=[], span=(0, 3)).count("<polyline") == 2


@pytest.mark.parametrize(
    ("values", "low", "high"),
    [([], 0.001, 1), ([0.0], 0.001, 1), ([0.02, 0.3], 0.01, 1), ([0.1, 0.1], 0.1, 1), ([5.0], 1, 10)],
)
def test_a_logarithmic_scale_ends_at_powers_of_ten(values: list[float], low: float, high: float) -> None:
    scale = logarithmic(values)
    assert (scale.low, scale.high) == pytest.approx((low, high))
    assert scale(low) == 0
    assert scale(high) == 1
    assert all(math.isclose(math.log10(tick), round(math.log10(tick)), abs_tol=1e-9) for tick in scale.ticks())


@pytest.mark.parametrize(("top", "high"), [(0.5, 1), (7, 8), (99, 100), (110, 150), (1200, 1500)])
def test_a_linear_scale_ends_at_a_round_number(top: float, high: float) -> None:
    assert linear([top]).high == pytest.approx(high)
    assert Scale(0, 10)(5) == 0.5


def test_the_grid_counts_tests_in_which_a_fault_bit() -> None:
    idle = replace(KILLED, bit=False)
    wholes = [replace(KILLED, name=name) for name in ("together(redis.killed)", "monkey(redis.killed)", "schedule")]
    records = [RECORD, replace(RECORD, name="b", strikes=(idle, *wholes)), replace(GOOD, strikes=(KILLED, KILLED))]
    grid = Grid.of([*records, replace(GOOD, name="c", outcome="skipped")])
    assert grid.rows == ["redis"]
    assert grid.columns == ["killed"]
    assert grid.cells == {("redis", "killed"): (2, 1)}


@pytest.mark.parametrize("name", ["redis.killed", "evicted", "my shop.killed", "shop.v2.killed", "road.toxic(a=0.5)"])
def test_both_grids_name_dependencies_and_faults_alike(name: str) -> None:
    story = Story()
    story.timeline.episodes.append(Episode(name, 0.0, Receipt(parts=1), 1.0))
    grid = Grid.of([replace(RECORD, strikes=(replace(KILLED, name=name),))])
    assert list(merged([covered(story)])) == list(grid.cells)


def test_the_summary_is_markdown_that_no_text_breaks() -> None:
    text = markdown(SESSION, [replace(RECORD, name="a|b", failure="```\nx"), replace(GOOD, outcome="skipped")])
    assert "1 failed, 1 skipped" in text
    assert "a\\|b" in text
    assert text.count("```") == 2
    assert "- skipped: test_good" in text


def test_the_folder_holds_everything_after_each_test(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "deep" / "report", SESSION)
    assert sorted(path.name for path in folder.path.iterdir()) == ["index.html", "report.json", "summary.md"]
    folder.add(RECORD)
    report = json.loads((folder.path / "report.json").read_text())
    assert (report["schema"], report["version"]) == ("pytest-resilience-report", 1)
    assert [test["name"] for test in report["tests"]] == [RECORD.name]
    assert len(list(folder.path.iterdir())) == 3


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=r"--resilience-report=.*file.*expected a folder"):
        Folder(tmp_path / "file" / "report", SESSION)
