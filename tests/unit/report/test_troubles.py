"""Which lines of logs are errors, and which of them say the same."""

from __future__ import annotations

import pytest

from pytest_resilience.report.troubles import common, troubles


def found(text: str) -> list[str]:
    return [line for _, line in troubles(enumerate(text.splitlines(keepends=True)))]


@pytest.mark.parametrize(
    "line",
    [
        "WARNING clinic.database: connect: connection refused",
        "2026-11-21 15:00:00,123 clinic.web ERROR it broke",
        "2026-11-21 15:00:00.123 UTC [42] FATAL:  sorry, too many clients already",
        "[ERROR] it broke",
        '{"level": "error", "msg": "it broke"}',
        "ts=1 level=warn msg=slow",
        "panic: runtime error: index out of range",
        "Error: connect ECONNREFUSED 127.0.0.1:6379",
        "1234:M 21 Nov 2026 15:00:00.123 # Can't save in background: fork: Cannot allocate memory",
    ],
)
def test_lines_of_a_level_of_warning_and_above_are_errors(line: str) -> None:
    assert found(f"INFO all is well\n{line}\n") == [line]


@pytest.mark.parametrize(
    "line",
    [
        "INFO clinic.web: serving", "LOG:  database system is ready", "an error is mentioned", "TERROR", "ERRORS: 0",
        "1234:M 21 Nov 2026 15:00:00.123 * Ready to accept connections", '{"level": "info", "errors": 0}',
    ],
)  # fmt: skip
def test_others_are_not(line: str) -> None:
    assert not found(f"{line}\n")


def test_a_traceback_is_the_exception_it_ends_with() -> None:
    text = """\
ERROR uvicorn.error: Exception in ASGI application
Traceback (most recent call last):
  File "a.py", line 1, in f
    raise ValueError("ERROR of mine")
ValueError: one

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "a.py", line 3, in g
    f()
clinic.errors.Lost: two
all is well again
"""
    assert found(text) == [
        "ERROR uvicorn.error: Exception in ASGI application", "ValueError: one", "clinic.errors.Lost: two",
    ]  # fmt: skip


def test_a_traceback_that_is_cut_off_swallows_nothing_else() -> None:
    assert found("Traceback (most recent call last):\n  File x\n3 lines were lost\nERROR next\n") == ["ERROR next"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("took 0.25 s", "took 3 s"),
        ("job 6f9619ff-8b86-4011-b42d-00cf4fc964ff lost", "job 123e4567-e89b-12d3-a456-426614174000 lost"),
        ("object at 0x7f3b", "object at 0xdeadbeef"),
        ("worker-a-3fa9c1: no queue", "worker-a-123456: no queue"),
        ("2026-11-21 15:00:00.123 UTC [42] FATAL: x", "2025-01-01 00:00:00.001 UTC [7] FATAL: x"),
        ("7:M 21 Nov 2026 15:00:00.123 # x", "1234:M 01 Dec 2026 15:00:00.123 # x"),
        ("to 127.0.0.1:5432", "to 10.1.2.3:9999"),
    ],
)
def test_what_differs_in_numbers_alone_says_the_same(one: str, other: str) -> None:
    assert common(one) == common(other)


@pytest.mark.parametrize(("one", "other"), [("refused", "timed out"), ("a: lost", "b: lost"), ("decade", "facade")])
def test_what_differs_in_words_does_not(one: str, other: str) -> None:
    assert common(one) != common(other)


def test_what_they_have_in_common_is_short() -> None:
    assert len(common("x" * 10_000)) == 200
