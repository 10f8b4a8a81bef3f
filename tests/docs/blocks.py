"""Code blocks of the documentation, and how each of them is run.

A block is a fence of Python. Without a word before it, it is a file of its own, as a reader would paste it. An HTML
comment in the line before the fence says otherwise, and is not seen by who reads the page:

- `<!-- run in: NAME -->`: it is put into `surroundings/NAME.py.in`, in place of the line `...  # the example`
- `<!-- not run: WHY -->`: it is compiled, and what it imports has to be there
- `<!-- write: FILE -->`, `<!-- change: FILE -->`, `<!-- run -->`, `<!-- fails: WORDS -->`: a step of a walk; see `walk`
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
SURROUNDINGS = Path(__file__).parent / "surroundings"
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))

FENCE = re.compile(r"```(\w*)$")
COMMENT = re.compile(r"<!-- (run in|not run|write|change|fails): (.+) -->$|<!-- (run) -->$")
FIELDS = {"run in": "where", "not run": "unrun"}
PLACE = re.compile(r"^( *)\.\.\.  # the example$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """One fence.

    :ivar line: of the page, at which the fence begins.
    :ivar where: the surroundings it is run in; empty for a file of its own.
    :ivar unrun: why it is not run; empty if it is.
    :ivar step: `write`, `change`, `run` or `fails`, where it is a step of a walk.
    :ivar what: the step's file, or what has to be said by a command that fails.
    """

    page: str
    line: int
    language: str
    text: str
    where: str = ""
    unrun: str = ""
    step: str = ""
    what: str = ""

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    def program(self) -> str:
        """Return what is run: the block, in its surroundings."""
        if not self.where:
            return self.text
        frame = (SURROUNDINGS / f"{self.where}.py.in").read_text()
        place = PLACE.search(frame)
        if place is None:
            raise ValueError(f"{self.where}.py.in has no line `...  # the example`")
        return frame[: place.start()] + textwrap.indent(self.text, place[1]).rstrip("\n") + frame[place.end() :]


def blocks(text: str, page: str) -> Iterator[Block]:
    """Yield every fence of a page."""
    lines = text.splitlines()
    at = 0
    while at < len(lines):
        fence = FENCE.match(lines[at])
        if fence is None:
            at += 1
            continue
        end = lines.index("```", at + 1)
        comment = COMMENT.match(lines[at - 1]) if at else None
        yield Block(page, at + 1, fence[1], "\n".join([*lines[at + 1 : end], ""]), **_said(comment))
        at = end + 1


def _said(comment: re.Match[str] | None) -> dict[str, str]:
    if comment is None:
        return {}
    how = comment[1] or comment[3]
    return {FIELDS[how]: comment[2]} if how in FIELDS else {"step": how, "what": comment[2] or ""}


def python_blocks() -> list[Block]:
    """Return every block of Python of the documentation that is run by itself."""
    found = (block for page in PAGES for block in blocks(page.read_text(), str(page.relative_to(ROOT))))
    return [block for block in found if block.language == "python" and not block.step]
