"""Pages that are followed step by step come out as they say, the failures included."""

from __future__ import annotations

from pathlib import Path

import pytest
from blocks import PAGES, ROOT, Block, blocks
from walk import changed, take

WALKS = {
    str(page.relative_to(ROOT)): steps
    for page in PAGES
    if (steps := [one for one in blocks(page.read_text(), page.name) if one.step])
}


@pytest.mark.parametrize("page", WALKS)
def test_the_walk_comes_out_as_its_page_says(page: str, tmp_path: Path) -> None:
    for step in WALKS[page]:
        take(step, tmp_path)


def test_the_tutorial_is_a_walk_from_a_failure_to_green() -> None:
    steps = [step.step for step in WALKS["docs/tutorial.md"]]
    assert steps.index("fails") < steps.index("change") and steps[-1] == "run"


def test_a_change_replaces_what_it_defines_anew() -> None:
    text = "import a\n\nB = a.c(\n    1\n)\n\n\n@a.d\ndef e():\n    return 1\n\n\nf = 2\n"
    new = "import g\n\nB = 3\n\n\n@a.h\ndef e():\n    return 4\n"
    assert changed(text, new) == "import a\nimport g\n\nB = 3\n\n\n@a.h\ndef e():\n    return 4\n\n\nf = 2\n"
    with pytest.raises(ValueError, match="no other"):
        changed(text, "other = 1\n")


@pytest.mark.parametrize(
    ("words", "test"),
    [
        ("", "assert False"),
        ("far", "assert False, 'near'"),
        ("far", "assert True, 'far'"),
        ("far", "raise Exit('far')"),
    ],
)
def test_a_step_that_comes_out_otherwise_fails(words: str, test: str, tmp_path: Path) -> None:
    (tmp_path / "test_one.py").write_text(f"from pytest import exit as Exit\n\n\ndef test_it():\n    {test}\n")
    with pytest.raises(AssertionError):
        take(Block("page.md", 1, "sh", "pytest\n", step="fails" if words else "run", what=words), tmp_path)
