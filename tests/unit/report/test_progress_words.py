"""Where a run stands, in one line that fits."""

from __future__ import annotations

import pytest

from pytest_resilience.measure.pulse import Beat
from pytest_resilience.report.progress import Standing, fit, told

QUIET = Standing("GET /slots", 0.2, None, [], Beat(None, None, None, None), None, 0)
BUSY = Standing(
    "GET /slots", 12.4, 47.6, ["redis.killed", "api.slowed"], Beat(199.6, 0.0021, 0.141, 0.003), None, 3
)  # fmt: skip


def test_everything_that_is_known_is_told():
    assert told(BUSY) == (
        "12 s, 48 s left | redis.killed + api.slowed | 199.6/s | p50 2.1 ms | p99 141 ms | errors 0.3% | 3 in flight"
        " | GET /slots"
    )


def test_what_is_not_known_is_not_made_up():
    assert told(QUIET) == "0 s | -/s | p50 - | p99 - | errors - | 0 in flight | GET /slots"


def test_a_loop_of_short_holds_does_not_always_say_that_it_is_just_about_to_end():
    assert told(BUSY._replace(left=0.1)).startswith("12 s | redis.killed")
    assert told(BUSY._replace(left=0.6)).startswith("12 s, 1 s left | ")


def test_users_are_told_instead_of_calls_in_flight():
    assert " | 250 users | " in told(BUSY._replace(users=250.2))


def test_what_would_move_the_cursor_is_not_written():
    assert told(QUIET._replace(label="a\x1b[2Jb\nc\td")).endswith("| a?[2Jb?c?d")


@pytest.mark.parametrize(
    ("text", "columns", "expected"),
    [
        ("abcdef", 6, "abcdef"),
        ("abcdef", 5, "ab..."),
        ("ab def", 6, "ab def"),
        ("ab cdef", 6, "ab..."),
        ("abcdef", 2, ".."),
        ("abcdef", 0, ""),
        ("字字字", 6, "字字字"),
        ("字字字", 5, "字..."),
        ("e\u0301e\u0301e\u0301", 3, "e\u0301e\u0301e\u0301"),
    ],
)
def test_it_fits_the_terminal(text: str, columns: int, expected: str):
    assert fit(text, columns) == expected
