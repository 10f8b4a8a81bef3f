"""Each test tells its story: what was struck, what was left in force, in failures and in one line."""

from __future__ import annotations

import pytest

TOY = """
    import pytest
    from pytest_resilience import Breakage, Receipt, fault

    LOG = []

    @fault
    def broken(*, touching=1) -> Breakage:
        LOG.append("broken")
        yield Receipt(parts=touching)
        LOG.append("healed")
"""


@pytest.fixture(autouse=True)
def _quickly(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nresilience_backend = process")


def test_a_failure_shows_the_timeline_of_its_faults(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TOY + "\n    def test_it():\n        with broken():\n            assert 0\n")
    result = pytester.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.re_match_lines(
        [r"-+ resilience timeline -+", r" +\d+\.\d{3} s  broken struck", r" .* broken healed after .* s: parts 1"]
    )


def test_every_scenario_has_its_line_at_the_end(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        TOY
        + """
    def test_good():
        with broken():
            pass

    def test_bad():
        with broken():
            assert 0

    def test_none():
        pass
"""
    )
    result = pytester.runpytest()
    result.stdout.re_match_lines(
        [
            r"=+ resilience =+",
            r"PASSED .*::test_good: broken \d.\d\d s \(parts 1\)",
            r"FAILED .*::test_bad: broken .*",
        ]
    )
    result.stdout.no_fnmatch_line("*::test_none:*")


def test_the_lines_come_from_xdist_workers_as_well(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TOY + "\n    def test_good():\n        with broken():\n            pass\n")
    result = pytester.runpytest_subprocess("-n1")
    result.stdout.re_match_lines([r"PASSED .*::test_good: broken .* \(parts 1\)"])


def test_a_fault_left_in_force_is_healed_and_is_an_error_that_names_it(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        TOY
        + """
    def test_careless():
        broken().__enter__()

    def test_after():
        assert LOG == ["broken", "healed"]
"""
    )
    result = pytester.runpytest()
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*NotHealed: broken: still in force when the test ended, and healed by force*"])


def test_a_fault_is_healed_while_the_fixtures_of_its_test_are_still_there(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        TOY
        + """
    @pytest.fixture
    def target():
        yield
        LOG.append("target gone")

    def test_careless(target):
        broken().__enter__()

    def test_after():
        assert LOG == ["broken", "healed", "target gone"]
"""
    )
    pytester.runpytest().assert_outcomes(passed=2, errors=1)


def test_a_fault_entered_by_a_fixture_is_healed_by_the_fixture(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        TOY
        + """
    @pytest.fixture
    def storm():
        with broken() as episode:
            yield episode

    def test_it(storm):
        assert storm.in_force

    def test_after():
        assert LOG == ["broken", "healed"]
"""
    )
    pytester.runpytest().assert_outcomes(passed=2)


def test_a_fault_that_cannot_be_healed_does_not_keep_the_others_from_it(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        TOY
        + """
    @fault
    def stuck() -> Breakage:
        yield Receipt(a=1)
        raise OSError("rusty")

    def test_careless():
        broken().__enter__()
        stuck().__enter__()

    def test_after():
        assert LOG == ["broken", "healed"]
"""
    )
    result = pytester.runpytest()
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*NotHealed: broken, stuck: *", "*stuck could not be healed: OSError('rusty')*"])


def test_a_fault_that_touched_nothing_fails_the_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TOY + "\n    def test_it():\n        with broken(touching=0):\n            pass\n")
    result = pytester.runpytest()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *FaultDidNotBite: broken touched nothing*"])


def test_the_line_is_a_property_of_the_junit_report(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TOY + "\n    def test_good():\n        with broken():\n            pass\n")
    pytester.runpytest("--junitxml=out.xml")
    assert '<property name="resilience" value="broken 0.' in (pytester.path / "out.xml").read_text()


def test_each_test_begins_with_an_empty_timeline(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        TOY
        + """
    from pytest_resilience import timeline

    @pytest.mark.parametrize("n", range(2))
    def test_it(n):
        assert timeline.current().episodes == []
        with broken():
            pass
"""
    )
    pytester.runpytest().assert_outcomes(passed=2)


def test_a_fault_whose_heal_was_broken_off_is_named_and_is_not_said_to_be_healed(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        TOY
        + """
    @fault
    def stuck() -> Breakage:
        yield Receipt(a=1)
        pytest.fail("time is up")

    def test_it():
        with stuck():
            pass
"""
    )
    result = pytester.runpytest()
    result.assert_outcomes(failed=1, errors=1)
    result.stdout.fnmatch_lines(
        ["*NotHealed: stuck: still in force when the test ended", "*stuck could not be healed: *was broken off*"]
    )


def test_a_last_test_whose_teardown_fails_is_told_though_the_logs_are_gone(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
    import pytest

    @pytest.fixture
    def fragile(redis_server):
        yield
        raise OSError("broken off")

    def test_it(fragile):
        pass
"""
    )
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*OSError: broken off*", "-* resilience log of redis -*"])
    result.stdout.no_fnmatch_line("*INTERNALERROR*")
