"""What counts as caught, and what does not; how a mark is to be written; and the matrix."""

from __future__ import annotations

from dataclasses import replace

import pytest
from catching import check
from matrix import matrix
from verdict import Witness, judge

ASSERTED = Witness(
    test="t", when="call", outcome="failed", raised="AssertionError", statement="    assert run.statuses == {503}",
    line=7, in_scenario=True, message="assert {500} == {503}",
)  # fmt: skip
WAITED = replace(
    ASSERTED, raised="WaitTimeout", statement='wait_until(done, within=20, what="every job is done")',
    in_scenario=False, message="every job is done: still not so after 20 s",
)  # fmt: skip
SKIPPED = replace(ASSERTED, outcome="skipped", raised="Skipped", message="no GPU")
PASSED = replace(ASSERTED, outcome="passed", raised="", statement="", in_scenario=False, message="")


@pytest.mark.parametrize(
    ("witnesses", "words", "word"),
    [
        ([ASSERTED], ("statuses",), "caught"),
        ([ASSERTED], ("recovery", "{500}"), "caught"),
        ([PASSED, ASSERTED], ("statuses",), "caught"),
        ([WAITED], ("every job",), "caught"),
        ([SKIPPED], ("statuses",), "skipped"),
        ([SKIPPED, PASSED], ("statuses",), "missed"),
        ([PASSED], ("statuses",), "missed"),
        ([], ("statuses",), "missed"),
        ([ASSERTED], ("recovery",), "missed"),
        ([replace(ASSERTED, when="setup")], ("statuses",), "missed"),
        ([replace(ASSERTED, in_scenario=False)], ("statuses",), "missed"),
        ([replace(ASSERTED, raised="KeyError")], ("statuses",), "missed"),
        ([replace(ASSERTED, raised="Failed", message="Timeout (>150.0s) in statuses")], ("statuses",), "missed"),
        ([replace(ASSERTED, statement="raise AssertionError")], ("500",), "missed"),
        ([replace(WAITED, statement="with app.killed():")], ("every job",), "missed"),
    ],
)
def test_only_the_assertion_that_was_meant_counts(witnesses: list[Witness], words: tuple[str, ...], word: str) -> None:
    assert judge(witnesses, words).word == word


@pytest.mark.parametrize(
    ("mark", "complaint"),
    [
        (pytest.mark.catches("no-such-bug", by="x"), "no-such-bug: no such bug; there are: "),
        (pytest.mark.catches("no-retry"), "by= is missing"),
        (pytest.mark.catches(by="x"), "it names no bug"),
        (pytest.mark.catches("no-retry", by=7), "by=7: expected"),
        (pytest.mark.catches("no-retry", by=()), r"by=\(\): expected"),
        (pytest.mark.catches("no-retry", by="x", in_case="killed"), "in_case: it takes by= and case="),
    ],
)
def test_a_wrong_mark_is_a_usage_error(
    request: pytest.FixtureRequest, mark: pytest.MarkDecorator, complaint: str
) -> None:
    item = request.node
    check([item])
    item.add_marker(mark)
    with pytest.raises(pytest.UsageError, match=f"test_a_wrong_mark.*: catches: {complaint}"):
        check([item])


def test_the_matrix_has_a_row_for_each_scenario_and_a_column_for_each_bug() -> None:
    bugs = {f"bug-{number}": "wrong" for number in range(1, 12)}
    results = {("chaos/test_a.py::test_b", "bug-1"): "caught", ("chaos/test_a.py::test_b", "bug-11"): "missed"}
    lines = list(matrix(results, bugs))
    assert lines[:3] == [
        "                             1 1",
        "           1 2 3 4 5 6 7 8 9 0 1",
        "chaos/a b  x . . . . . . . . . !",
    ]
    assert "  1 bug-1: wrong: caught by 1 of 1" in lines
    assert " 11 bug-11: wrong: caught by 0 of 1" in lines
    assert lines[-1].startswith("x caught (1), ! missed (1), s skipped (0)")
