"""Each scenario fails on each bug that it says it catches, by the assertion that it names.

The scenario is run as ever, in a pytest of its own, on a clinic with the bug planted.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from scenarios import TESTS, Pair, scenarios
from verdict import Witness, judge
from witness import PLACE

ALONE = 150  # seconds until the inner pytest ends a scenario that hangs

PAIRS = [pair for scenario in scenarios() for pair in scenario.pairs]
FIRST = {pair.bug: pair for pair in reversed(PAIRS)}


@pytest.mark.timeout(2 * ALONE)
@pytest.mark.parametrize(
    "pair",
    [pytest.param(pair, id=pair.id, marks=[pytest.mark.once] if FIRST[pair.bug] is pair else []) for pair in PAIRS],
)
def test_the_scenario_catches_the_bug(
    pair: Pair, tmp_path: Path, seed: int, record_property: Callable[[str, object], None]
) -> None:
    heard = tmp_path / "witness"
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "PROOF_"))}
    env |= {"CLINIC_BUGS": pair.bug, PLACE: str(heard)}
    env["PYTHONPATH"] = os.pathsep.join(filter(None, [str(Path(__file__).parent), env.get("PYTHONPATH")]))
    done = subprocess.run(
        [
            sys.executable, "-m", "pytest", pair.node, "-x", "-q", "-p", "witness", "-p", "no:cacheprovider",
            "--resilience-backend=process", "--resilience-progress=off", f"--resilience-seed={seed}",
            "-o", f"timeout={ALONE}", f"--basetemp={tmp_path / 'inner'}",
        ],
        cwd=TESTS.parent, env=env, capture_output=True, text=True,
    )  # fmt: skip
    verdict = judge(Witness.read(heard.read_text() if heard.exists() else ""), pair.words)
    record_property("proof", (pair.scenario, pair.bug, verdict.word))
    if verdict.word == "skipped":
        pytest.skip(verdict.why)
    said = f"{pair.scenario} on {pair.bug}: {verdict.why}\n\n{done.stdout[-4000:]}{done.stderr[-2000:]}"
    assert verdict.word == "caught", said
