"""A test that asks for what this machine cannot do is skipped, and the reason is in the report."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("where", ["call", "setup"])
def test_what_cannot_be_done_here_is_skipped_with_the_reason(pytester: pytest.Pytester, where: str) -> None:
    bodies = {
        "call": "def test_loss():\n    raise Unsupported('packet faults: no namespaces; allow them')",
        "setup": "@pytest.fixture\ndef road():\n    raise Unsupported('packet faults: no namespaces; allow them')\n\n"
        "def test_loss(road):\n    pass",
    }
    pytester.makepyfile(f"import pytest\nfrom pytest_resilience import Unsupported\n\n{bodies[where]}\n")
    result = pytester.runpytest("-rs", "-p", "no:cacheprovider", "--pdb")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED* test_what_cannot_be_done*.py:*: packet faults: no namespaces; allow them"])
    result.stdout.no_fnmatch_line("*entering PDB*")


def test_any_other_error_is_an_error_still(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        "from pytest_resilience import UsageError\ndef test_mistake():\n    raise UsageError('share=2')"
    )
    pytester.runpytest("-p", "no:cacheprovider").assert_outcomes(failed=1)
