"""`pytest-resilience init`: two files that work as they are, and nothing that was there is touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_resilience.command.init import FILES, FOLDER
from pytest_resilience.command.program import main


def test_the_first_scenario_runs_as_it_is(pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", str(pytester.path)]) == 0
    said = capsys.readouterr().out
    assert said.count("written ") == len(FILES)
    assert f"next: pytest {pytester.path / FOLDER}" in said
    result = pytester.runpytest_subprocess(
        FOLDER, "-m", "chaos", "--resilience-backend=process", "-p", "no:cacheprovider"
    )
    result.assert_outcomes(passed=1)


def test_what_is_there_is_left_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = tmp_path / FOLDER / "conftest.py"
    mine.parent.mkdir(parents=True)
    mine.write_text("# mine\n")
    assert main(["init", str(tmp_path)]) == 0
    assert mine.read_text() == "# mine\n"
    said = capsys.readouterr().out
    assert "conftest.py, and is left as it is" in said
    assert "test_crash.py" in said


def test_a_project_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", str(tmp_path / "nowhere")]) == 2
    assert "nowhere is not a folder" in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "tests").touch()
    assert main(["init", str(tmp_path)]) == 1
    assert "pytest-resilience init: " in capsys.readouterr().err


@pytest.mark.parametrize("argv", [[], ["heal"], ["init", "a", "b"]])
def test_what_it_does_not_know_it_refuses(argv: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(argv)
    assert ended.value.code == 2
