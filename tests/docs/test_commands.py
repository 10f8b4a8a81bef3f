"""The commands, options, files and names that the documentation speaks of are there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from blocks import PAGES, ROOT

import pytest_resilience
from pytest_resilience.janitor import Undo
from pytest_resilience.option import TABLE

OURS = (*PAGES, ROOT / "tests" / "app" / "README.md")
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z-]+):.*## ", MAKEFILE, re.MULTILINE))

pages = pytest.mark.parametrize("page", OURS, ids=lambda page: str(page.relative_to(ROOT)))


@pages
def test_every_target_of_make_is_there(page: Path) -> None:
    assert {*re.findall(r"^make ([a-z-]+)", page.read_text(), re.MULTILINE)} <= TARGETS


@pages
def test_every_option_is_one(page: Path) -> None:
    named = set(re.findall(r"--resilience-[a-z][a-z-]*[a-z]", page.read_text()))
    assert named <= {option.flag for option in TABLE}


@pages
def test_every_link_leads_to_a_file(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text())
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


@pages
def test_every_file_that_is_named_is_there(page: Path) -> None:
    named = set(re.findall(r"`((?:tests|benchmarks|docs|links)/[\w./-]+)`", page.read_text()))
    named |= set(re.findall(r"`python ([\w/]+\.py)`", page.read_text()))
    named -= set(re.findall(r"^<!-- write: (.+) -->$", page.read_text(), re.MULTILINE))  # the reader's own
    places = (ROOT, ROOT / "src" / "pytest_resilience")
    assert [name for name in sorted(named) if not any((place / name).exists() for place in places)] == []


@pages
def test_every_error_that_is_named_is_one_of_ours(page: Path) -> None:
    from pytest_resilience import errors

    raised = set(re.findall(r"[Rr]aises?\s+(?:an?\s+)?`([A-Z]\w+)`", page.read_text()))
    assert [name for name in sorted(raised) if not hasattr(errors, name)] == []


def test_the_link_server_has_the_options_of_its_page() -> None:
    page = (ROOT / "docs" / "links.md").read_text()
    command = re.search(r"^python (-m pytest_resilience\.links\.server) (.*)$", page, re.MULTILINE)
    assert command is not None
    named = set(re.findall(r"`?(--[a-z-]+)", command[2])) | set(re.findall(r"^\| .*?(--ready-fd)", page, re.MULTILINE))
    said = subprocess.run([sys.executable, *command[1].split(), "--help"], capture_output=True, text=True, check=True)
    assert named and {word for word in named if word not in said.stdout} == set()


def test_what_is_public_is_written_about_somewhere() -> None:
    text = "".join(page.read_text() for page in OURS)
    unmentioned = [name for name in pytest_resilience.__all__ if not re.search(rf"\b{name}\b", text)]
    assert unmentioned == ["Timeline"]  # for who asks where an episode is kept; nothing of a scenario needs it


def test_every_setting_and_file_of_the_clinics_page_is_there() -> None:
    page = (ROOT / "tests" / "app" / "README.md").read_text()
    source = ROOT / "tests" / "app" / "clinic"
    fields = set(re.findall(r"^    (\w+): \w+ = ", (source / "settings.py").read_text(), re.MULTILINE))
    settings = {name.lower() for name in re.findall(r"`([A-Z]+_[A-Z_]+)`", page)}
    assert settings and settings <= fields
    files = re.findall(r"`(?:clinic/)?(\w+\.py)`", page)
    assert files and [name for name in files if not (source / name).exists()] == []
    routes = set(re.findall(r'"(/\w+)', (source / "web.py").read_text()))
    endpoints = set(re.findall(r"`(?:GET |POST |WS )?(/\w+)", page))
    assert endpoints and endpoints == routes


def test_every_undo_is_named_on_the_janitors_page() -> None:
    page = (ROOT / "docs" / "janitor.md").read_text()
    assert [one.__name__ for one in get_args(Undo) if f"`{one.__name__}`" not in page] == []


def test_make_help_names_every_target() -> None:
    said = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert set(re.findall(r"^  make ([a-z-]+) ", said, re.MULTILINE)) == TARGETS
    declared = re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    assert declared is not None and set(declared[1].split()) == TARGETS
    assert subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout == said
