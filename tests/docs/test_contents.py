"""Every page is in the site's contents, every public name in its reference, every option in its table."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from blocks import PAGES, ROOT

import pytest_resilience
from pytest_resilience.options import TABLE

NAV = (ROOT / "mkdocs.yml").read_text().partition("\nnav:\n")[2].partition("\nvalidation:")[0]


def test_every_page_is_in_the_nav_of_mkdocs_yml() -> None:
    listed = re.findall(r": ([\w/-]+\.md)$", NAV, re.MULTILINE)
    there = [str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")]
    assert sorted(listed) == sorted(there)


def test_every_public_name_is_in_the_reference_once() -> None:
    text = "".join(page.read_text() for page in (ROOT / "docs" / "reference").glob("*.md"))
    named = re.findall(r"^::: pytest_resilience\.(\w+)$", text, re.MULTILINE)
    assert sorted(named) == sorted([*pytest_resilience.__all__, "fixtures"])


@pytest.mark.parametrize("option", TABLE, ids=lambda option: option.name)
def test_every_option_has_its_row(option: object) -> None:
    row = "| `{0.flag}` | `{0.key}` | {1} | {0.help} |".format(option, f"`{option.default}`" if option.default else "")
    assert row in (ROOT / "docs" / "options.md").read_text().splitlines()


def anchors(page: Path) -> set[str]:
    """Return what a forge, and the site, call the headings of a page."""
    prose = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_to_a_heading_finds_it(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#\s:]*)#([^)\s]+)\)", page.read_text()):
        assert anchor in anchors(page.parent / target if target else page), f"{target}#{anchor}"


def test_the_pictures_are_small() -> None:
    sizes = {picture.name: picture.stat().st_size for picture in (ROOT / "docs" / "images").iterdir()}
    assert sizes and max(sizes.values()) < 200_000, sizes
