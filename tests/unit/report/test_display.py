"""A display shows its line below what pytest has written, and leaves the screen as it was."""

from __future__ import annotations

import io
import os
import pty
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_resilience.report.display import Line, Lines, Outlet, display
from screen import Screen


class Paper(Outlet):
    """An outlet that is a screen."""

    def __init__(self, columns: int = 40, rows: int = 6) -> None:
        super().__init__(io.StringIO())
        self.screen = Screen(columns, rows)

    @property
    def size(self) -> tuple[int, int]:
        return self.screen.columns, self.screen.rows

    def write(self, text: str) -> None:
        self.screen.feed(text)


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    ends = pty.openpty()
    yield ends
    for end in ends:
        os.close(end)


@pytest.mark.parametrize("above", range(8))
def test_the_line_is_below_the_cursor_and_leaves_nothing(above: int):
    paper = Paper()
    begun = "x\r\n" * above + "test_a.py .."
    paper.write(begun)
    place = (paper.screen.x, min(paper.screen.y, paper.screen.rows - 2))
    line = Line(paper)
    for text in ("a long line", "short", "12 s"):
        line.show([text])
        assert paper.screen.text[-2:] == ["test_a.py ..", text]
        assert (paper.screen.x, paper.screen.y) == place
    line.clear()
    paper.write(".\r\nend")
    assert paper.screen.text == Screen(40, 6).feed(begun + ".\r\nend").text


def test_it_is_cut_before_the_last_column():
    paper = Paper(columns=12)
    Line(paper).show(["abcdefghijkl"])
    assert paper.screen.text == ["", "abcdefgh..."]


def test_of_several_runs_the_newest_is_shown():
    paper = Paper()
    Line(paper).show(["one", "two", "three"])
    assert paper.screen.text == ["", "(+2) three"]


def test_a_terminal_of_one_row_has_no_room_for_it():
    paper = Paper(rows=1)
    paper.write("test_a.py ..")
    Line(paper).show(["abc"])
    assert paper.screen.text == ["test_a.py .."]


def test_nothing_is_cleared_where_nothing_was_shown():
    paper = Paper()
    paper.write("above\r\n\r\nbelow\x1b[A\x1b[A")
    Line(paper).clear()
    assert paper.screen.text == ["above", "", "below"]


def test_nothing_is_shown_while_somebody_is_typing():
    paper = Paper()
    line = Line(paper)
    line.show(["abc"])
    line.hush(hushed=True)
    line.show(["def"])
    assert paper.screen.text == []
    line.hush(hushed=False)
    line.show(["ghi"])
    assert paper.screen.text == ["", "ghi"]


def test_plain_lines_begin_on_a_row_of_their_own_once():
    out = io.StringIO()
    lines = Lines(Outlet(out))
    lines.show(["10 s", "4 s"])
    lines.show([])
    lines.show(["20 s"])
    lines.clear()
    lines.show(["10 s"])
    assert out.getvalue() == "\nresilience: 10 s\nresilience: 4 s\nresilience: 20 s\n\nresilience: 10 s\n"


def test_what_has_a_number_is_written_where_it_led_when_it_was_taken(terminal: tuple[int, int]):
    outer, inner = terminal
    copy = os.dup(inner)
    with os.fdopen(copy, "w", encoding="ascii") as stream:
        outlet = Outlet(stream)
        with Path(os.devnull).open("w") as null:
            os.dup2(null.fileno(), copy)  # as pytest does while it captures
        outlet.write("caf\u00e9")
        outlet.close()
        outlet.write("nothing any more")
    assert os.read(outer, 100) == b"caf?"


@pytest.mark.parametrize(
    ("term", "given", "kind"),
    [
        ("xterm", ("auto", True), Line),
        ("xterm", ("auto", False), Lines),
        ("dumb", ("auto", True), Lines),
        ("", ("auto", True), Lines),
        ("dumb", ("on", False), Line),
    ],
)
def test_a_line_is_rewritten_where_that_can_be_done(terminal, monkeypatch, term, given, kind):
    monkeypatch.setenv("TERM", term)
    with os.fdopen(os.dup(terminal[1]), "w") as stream:
        outlet = Outlet(stream)
        assert isinstance(display(given[0], outlet, alone=given[1]), kind)
        outlet.close()


def test_what_is_no_terminal_is_given_plain_lines():
    outlet = Outlet(io.StringIO())
    assert isinstance(display("auto", outlet, alone=True), Lines)
    assert outlet.size == (80, 24)
    assert isinstance(display("on", outlet, alone=False), Line)
