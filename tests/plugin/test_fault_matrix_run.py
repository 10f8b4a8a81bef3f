"""A fault matrix in a run: a test for each cell, and the grid of what was exercised at its end."""

from __future__ import annotations

import pytest

TOYS = """
    import pytest
    from pytest_resilience import Breakage, Receipt, Unsupported, fault, fault_matrix

    class Toy:
        def __init__(self, name):
            self.name = name

        @fault
        def killed(self) -> Breakage:
            yield Receipt(parts=1)

        @fault
        def idle(self, optional=True) -> Breakage:
            yield Receipt(optional=optional, parts=0)

        @fault
        def lossy(self) -> Breakage:
            raise Unsupported("no packets here")
            yield Receipt()

    @pytest.fixture
    def cache():
        return Toy("redis")

    @pytest.fixture
    def database():
        return Toy("postgres")

    MATRIX = fault_matrix({"cache": "killed idle", "database": "killed lossy"})
"""
TEST = """
    @pytest.mark.parametrize("matrix_fault", MATRIX, indirect=True)
    def test_it(matrix_fault):
        with matrix_fault as episode:
            assert episode.in_force
"""
GRID = [
    "fault coverage  idle     killed   lossy",
    "postgres        -        bit      skipped",
    "redis           idle     bit      -",
    "bit: it touched something; *",
]


@pytest.fixture(autouse=True)
def _quickly(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nresilience_backend = process")


def test_each_cell_is_a_test_and_the_grid_says_which_were_exercised(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TOYS + TEST)
    result = pytester.runpytest("-v")
    result.assert_outcomes(passed=3, skipped=1)
    result.stdout.fnmatch_lines_random(
        [f"*::test_it[[]{name}[]] *" for name in ("cache-killed", "cache-idle", "database-killed", "database-lossy")]
    )
    result.stdout.fnmatch_lines(GRID)


def test_the_grids_of_xdist_workers_are_one(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TOYS + TEST)
    result = pytester.runpytest_subprocess("-n2")
    result.assert_outcomes(passed=3, skipped=1)
    result.stdout.fnmatch_lines(GRID)


def test_faults_of_any_test_are_in_the_grid_and_one_alone_makes_none(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        TOYS
        + """
    def test_killed(cache):
        with cache.killed():
            pass

    def test_both(cache, database):
        with cache.killed(), database.killed():
            assert 0
"""
    )
    result = pytester.runpytest()
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["fault coverage  killed", "postgres        bit", "redis           bit"])
    pytester.runpytest("-k", "test_killed").stdout.no_fnmatch_line("fault coverage*")


def test_a_cell_that_is_never_struck_has_shown_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        TOYS + TEST.replace("with matrix_fault as episode:", "if 1: pass").replace("    assert", "    #")
    )
    result = pytester.runpytest()
    result.assert_outcomes(passed=4, errors=4)
    result.stdout.fnmatch_lines(["*UsageError: matrix_fault: redis.killed was never struck, so the test has shown*"])


def test_a_fixture_that_is_given_no_cell_says_what_to_do(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TOYS + "\n    def test_it(matrix_fault):\n        pass\n")
    result = pytester.runpytest()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["*UsageError: matrix_fault was given None: parametrise the test with it,*indirect=True)"]
    )


def test_a_fault_that_the_dependency_does_not_have_is_named(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TOYS.replace("killed idle", "melted") + TEST)
    result = pytester.runpytest("-k", "melted")
    result.assert_outcomes(errors=1, deselected=2)
    result.stdout.fnmatch_lines(["*UsageError: cache.melted: *has no fault of that name*"])
