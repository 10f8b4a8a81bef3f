"""Charts of one test: users, what services used, and faults as bands with what was fully in force."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree as ET

from pytest_resilience.measure.samples import Sample, Samples, Strain
from pytest_resilience.report.charts import bands, drive, usage
from pytest_resilience.report.findings import Use, Used
from pytest_resilience.report.record import Drive, Point, Record, Strike
from pytest_resilience.report.tell import points

KILLED = Strike(
    name="redis.killed", struck=1.0, healed=4.0, receipt={"processes_killed": 1}, bit=True, full=1.5, healing=3.0
)
RUN = Drive(
    title="GET /", line="<Run>", began=0.0, ended=10.0, samples=3, errors={}, examples={},
    points=(Point(at=1.0, rate=5.0, errors=0.0, p50=0.1, in_flight=2.0, users=8.0),
            Point(at=2.0, rate=5.0, errors=0.0, p50=0.1, in_flight=4.0, users=6.0)),
)  # fmt: skip
USED = (
    Used(name="redis", uses=(Use(at=0.0, memory=10_000_000, descriptors=5), Use(at=2.0), Use(at=4.0, memory=5))),
    Used(name="<app>", uses=(Use(at=0.0, memory=90_000_000, cpu=0.5), Use(at=10.0, memory=95_000_000, cpu=1.4))),
)
RECORD = Record(
    name="t", outcome="passed", began=0.0, seconds=1.0, story="", kinds=(), failure="", replay="", strikes=(KILLED,),
    drives=(RUN,), used=USED,
)  # fmt: skip


def svgs(text: str) -> dict[str, ET.Element]:
    found = (ET.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", text))
    return {svg.attrib["aria-label"]: svg for svg in found}


def test_a_record_keeps_what_services_used_on_its_journey() -> None:
    assert Record.from_json(RECORD.to_json()) == RECORD


def test_a_band_is_darker_where_the_fault_was_fully_in_force() -> None:
    (band,) = bands(RECORD, (0.0, 10.0))
    assert (band.start, band.end, band.inner) == (1.0, 4.0, (1.5, 3.0))
    (left,) = bands(replace(RECORD, strikes=(replace(KILLED, healed=None, healing=None),)), (0.0, 10.0))
    assert (left.end, left.inner) == (10.0, (1.5, 10.0))
    assert not bands(RECORD, (5.0, 10.0))
    for svg in svgs(drive(RUN, RECORD)).values():
        outer, inner = svg.iter("rect")
        assert (outer.attrib["class"], inner.attrib["class"]) == ("band", "core")
        assert float(outer.attrib["x"]) < float(inner.attrib["x"])
        assert float(inner.attrib["width"]) < float(outer.attrib["width"])


def test_the_users_are_those_who_wait_and_those_the_profile_wants() -> None:
    found = svgs(drive(RUN, RECORD))
    assert list(found) == ["latency", "rate", "users"]
    assert [line.findtext("title") for line in found["users"].iter("polyline")] == ["waiting", "users"]
    at_a_rate = replace(RUN, points=tuple(replace(point, users=None) for point in RUN.points))
    assert [line.findtext("title") for line in svgs(drive(at_a_rate, RECORD))["users"].iter("polyline")] == ["waiting"]


def test_how_busy_the_machine_was_is_a_chart_up_to_all_of_it_where_it_was_read() -> None:
    first, second = RUN.points
    busy = replace(RUN, points=(replace(first, busy=0.2), replace(second, busy=0.4)))
    chart = svgs(drive(busy, RECORD))["processors of the machine"]
    (line,) = chart.iter("polyline")
    assert line.findtext("title") == "processors of the machine"
    assert {"0 %", "50 %", "100 %"} <= {text.text for text in chart.iter("text")}
    assert Record.from_json(replace(RECORD, drives=(busy,)).to_json()).drives == (busy,)


def test_each_resource_that_was_read_has_a_chart_with_a_line_a_service() -> None:
    text = usage(RECORD)
    found = svgs(text)
    assert list(found) == ["memory", "processors", "descriptors"]  # no threads were read
    lines = [line.findtext("title") for line in found["memory"].iter("polyline")]
    assert lines == ["redis", "redis", "<app>"]  # parted where it was down
    assert "100 MB" in text
    assert "<app>" not in text.replace("<title><app>", "")
    assert len(list(found["memory"].iter("rect"))) == 2


def test_it_is_as_wide_as_the_loads() -> None:
    late = replace(RUN, began=3.0, ended=5.0)
    (line,) = svgs(usage(replace(RECORD, drives=(late,))))["memory"].iter("polyline")  # what is outside is left out
    assert line.findtext("title") == "redis"


def test_where_nothing_was_read_there_is_no_chart() -> None:
    assert usage(replace(RECORD, used=())) == ""
    assert usage(replace(RECORD, used=(Used(name="a", uses=()),))) == ""


def test_each_stretch_of_a_run_has_how_busy_the_machine_was_in_it() -> None:
    answered = [Sample(at, at, at + 0.01, 200, None, "GET /") for at in (0.5, 1.5)]
    samples = Samples(
        answered, strain=[Strain(at, 0.1, 0.0, busy) for at, busy in ((0.2, 0.5), (0.4, 1.0), (2.5, 0.8))]
    )
    found = {round(point.at, 2): point.busy for point in points(samples, 0.0, 9.0, 0.0)}
    assert (found[0.25], found[0.45], found[2.55]) == (0.5, 1.0, 0.8)  # nothing was due in the last
    assert found[1.55] is None
