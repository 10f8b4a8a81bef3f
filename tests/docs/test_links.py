"""Links to headings, and the pictures."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from blocks import PAGES, ROOT

IMAGES = ROOT / "docs" / "images"


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
    sizes = {picture.name: picture.stat().st_size for picture in IMAGES.iterdir()}
    assert sizes and max(sizes.values()) < 200_000, sizes


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_page_reads_alike_on_a_forge_and_on_the_site(page: Path) -> None:
    prose = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    assert "\\|" not in prose  # the site shows the backslash
    assert re.findall(r"^ {2,3}[-*] .*", prose, re.MULTILINE) == []  # on the site, four spaces make a list within one
    assert re.findall(r"^[^\s|<>#-].*\n(?:- |\| ).*", prose, re.MULTILINE) == []  # a list or table begins a paragraph
