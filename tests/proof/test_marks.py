"""Each scenario says which bugs it catches, each bug is caught by one, and the clinic makes each at some place."""

from __future__ import annotations

import re

import pytest
from clinic.bugs import BUGS, plant, planted
from scenarios import TESTS, Pair, read, scenarios, unproven

CLINIC = TESTS / "app" / "clinic"
MARKED = """
@pytest.mark.chaos
@pytest.mark.catches("no-retry", "stale-pool", by="statuses")
@pytest.mark.catches("double-booking", by=("held", "given"), case="killed")
async def test_one(): pass

def test_two(): pass

def helper(): pass
"""


def test_each_scenario_catches_some_bug() -> None:
    assert not unproven(scenarios())


def test_each_bug_is_caught_by_some_scenario() -> None:
    assert {pair.bug for scenario in scenarios() for pair in scenario.pairs} == set(BUGS)


def test_no_pair_is_named_twice() -> None:
    pairs = [pair.id for scenario in scenarios() for pair in scenario.pairs]
    assert len(pairs) == len(set(pairs))


def test_each_bug_has_its_place_in_the_clinic_and_its_row_in_the_readme() -> None:
    made = {name for path in CLINIC.glob("*.py") for name in re.findall(r'planted\("([a-z0-9-]+)"\)', path.read_text())}
    assert made == set(BUGS)
    rows = dict(re.findall(r"^\| `([a-z0-9-]+)` \| (.+) \|$", (TESTS / "app" / "README.md").read_text(), re.MULTILINE))
    assert rows == dict(BUGS)


def test_marks_are_read_as_they_are_written() -> None:
    one, two = read(MARKED, "chaos/test_x.py")
    assert one.pairs == (
        Pair("chaos/test_x.py::test_one", "no-retry", ("statuses",)),
        Pair("chaos/test_x.py::test_one", "stale-pool", ("statuses",)),
        Pair("chaos/test_x.py::test_one", "double-booking", ("held", "given"), case="killed"),
    )
    assert one.pairs[2].node == "tests/chaos/test_x.py::test_one[killed]"
    assert unproven([one, two]) == ["chaos/test_x.py::test_two"]


def test_bugs_are_planted_by_name_and_a_wrong_name_is_an_error_at_start() -> None:
    try:
        plant(" no-retry ,")
        assert planted("no-retry")
        assert [name for name in BUGS if planted(name)] == ["no-retry"]
    finally:
        plant("")
    assert not planted("no-retry")
    with pytest.raises(SystemExit, match="CLINIC_BUGS='no-retry,nonsense': no such bug: nonsense; there are: "):
        plant("no-retry,nonsense")
    assert not planted("no-retry")
