"""A story reads as what happened, in order, with nothing hidden."""

from __future__ import annotations

from pytest_resilience.report.story import Story
from pytest_resilience.report.text import summary_line, timeline_lines
from pytest_resilience.timeline import Episode, Mark, Receipt, Timeline


class Toy:
    def __repr__(self) -> str:
        return "<Run GET /slots: p99 3 ms, n=600>"


def told() -> Story:
    line = Timeline(started=100.0)
    line.marks.append(Mark(100.5, "load started: GET /slots at 200/s"))
    line.strike(Episode("redis.killed", 101.0, Receipt(processes_gone=1), healed=103.25))
    return Story(timeline=line, runs=[Toy()])


def test_the_timeline_is_told_in_order_of_time() -> None:
    assert timeline_lines(told().timeline) == [
        "   0.500 s  load started: GET /slots at 200/s",
        "   1.000 s  redis.killed struck",
        "   3.250 s  redis.killed healed after 2.25 s: processes gone 1",
    ]


def test_a_fault_that_was_never_healed_comes_last_and_loud() -> None:
    story = told()
    story.timeline.strike(Episode("link.severed", 104.0, Receipt(connections_cut=2)))
    assert timeline_lines(story.timeline)[-1] == "never healed  link.severed: connections cut 2"
    assert "link.severed NEVER HEALED (connections cut 2)" in summary_line(story)


def test_the_summary_is_one_line() -> None:
    assert summary_line(told()) == "redis.killed 2.25 s (processes gone 1); <Run GET /slots: p99 3 ms, n=600>"


def test_the_summary_does_not_repeat_the_parts_of_a_whole() -> None:
    line = Timeline(started=0)
    for name in ("a.killed", "b.killed", "together(a.killed, b.killed)", "c.killed"):
        line.strike(Episode(name, 1.0, Receipt(n=1), healed=2.0))
    assert summary_line(Story(line)) == "together(a.killed, b.killed) 1.00 s (n 1); c.killed 1.00 s (n 1)"


def test_the_summary_tells_a_fault_that_is_struck_again_and_again_three_times() -> None:
    line = Timeline(started=0)
    for at in range(9):
        line.strike(Episode("a.killed", at, Receipt(n=at), healed=at + 0.5))
    line.strike(Episode("a.killed", 9.0, Receipt(n=9)))
    assert summary_line(Story(line)) == (
        "a.killed 0.50 s (n 0); a.killed 0.50 s (n 1); a.killed 0.50 s (n 2); a.killed NEVER HEALED (n 9); "
        "a.killed 10 times in all"
    )


def test_a_test_that_used_nothing_tells_nothing() -> None:
    assert not Story().told
    assert told().told
