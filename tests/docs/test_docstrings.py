"""What the site makes of docstrings is whole, and their examples say what the code answers."""

from __future__ import annotations

import doctest
import importlib
import re

import pytest
from blocks import ROOT

import pytest_resilience
from pytest_resilience.option import TABLE, Option

SOURCE = ROOT / "src"
MODULES = [
    ".".join(path.relative_to(SOURCE).with_suffix("").parts)
    for path in sorted(SOURCE.rglob("*.py"))
    if ">>> " in path.read_text()
]
NAV = (ROOT / "mkdocs.yml").read_text().partition("\nnav:\n")[2].partition("\nvalidation:")[0]
REFERENCE = "".join(page.read_text() for page in (ROOT / "docs" / "reference").glob("*.md"))


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_the_module_hold(name: str) -> None:
    done = doctest.testmod(importlib.import_module(name))
    assert done.attempted and not done.failed


def test_there_are_examples() -> None:
    assert {"pytest_resilience.timeline", "pytest_resilience.load.profile"} <= {*MODULES}


def test_every_page_is_in_the_nav_of_mkdocs_yml() -> None:
    listed = re.findall(r": ([\w/-]+\.md)$", NAV, re.MULTILINE)
    there = {str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")}
    assert len(listed) == len({*listed})
    assert sorted(there ^ {*listed}) == [], "add to the nav of mkdocs.yml, or take from it"


def test_every_public_name_is_in_the_reference_once() -> None:
    named = re.findall(r"^::: pytest_resilience\.(\w+)$", REFERENCE, re.MULTILINE)
    assert len(named) == len({*named})
    assert sorted({*named} ^ {*pytest_resilience.__all__, "fixtures"}) == [], "add to a page of docs/reference/"


@pytest.mark.parametrize("option", TABLE, ids=lambda option: option.name)
def test_every_option_has_its_row(option: Option) -> None:
    default = f"`{option.default}`" if option.default else ""
    row = f"| `{option.flag}` | `{option.key}` | {default} | {option.help} |"
    assert row in (ROOT / "docs" / "options.md").read_text(), f"docs/options.md has to have the row\n{row}"
