"""A walk: a page that is followed from its top, as its reader would, in an empty folder.

A comment before a fence says what its reader does with it:

- `<!-- write: FILE -->`: puts it into that file
- `<!-- change: FILE -->`: replaces the functions and values of that file that it defines anew, and adds its imports
- `<!-- run -->`: runs its commands, which succeed
- `<!-- fails: WORDS; WORDS -->`: runs its commands; the last one fails, with exit status 1, and says all of these
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

from blocks import Block

PROGRAMS = {
    "pytest": ["pytest", "-p", "no:cacheprovider", "--resilience-backend=process"],
    "pytest-resilience": ["pytest_resilience.command.program"],
}


def take(step: Block, folder: Path) -> None:
    """Do one step, and fail where it does not come out as the page says."""
    file = folder / step.what
    if step.step == "write":
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(step.text)
    elif step.step == "change":
        file.write_text(changed(file.read_text(), step.text))
    else:
        *before, last = step.text.splitlines()
        for command in before:
            _run(command, folder, fails="")
        _run(last, folder, fails=step.what)


def changed(text: str, new: str) -> str:
    """Return the program `text` with the parts that `new` defines in the place of its own.

    :raises ValueError: it has no such part.
    """
    lines, fresh = text.splitlines(), new.splitlines()
    for node in ast.parse(new).body:
        part = fresh[_start(node) : node.end_lineno]
        old = ast.parse("\n".join(lines)).body
        if isinstance(node, ast.Import | ast.ImportFrom):
            at = max(one.end_lineno or 0 for one in old if isinstance(one, ast.Import | ast.ImportFrom))
            lines[at:at] = part
            continue
        place = next((one for one in old if _name(one) == _name(node)), None)
        if place is None:
            raise ValueError(f"there is no {_name(node)} to change")
        lines[_start(place) : place.end_lineno] = part
    return "\n".join([*lines, ""])


def _start(node: ast.stmt) -> int:
    first = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", ()))])
    return first - 1


def _name(node: ast.stmt) -> str:
    if isinstance(node, ast.Assign):
        return ast.unparse(node.targets[0])
    return str(getattr(node, "name", ""))


def _run(command: str, folder: Path, *, fails: str) -> None:
    program, *words = command.split()
    argv = [sys.executable, "-m", *PROGRAMS[program], *words]
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}
    done = subprocess.run(argv, cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == bool(fails), done.stdout + done.stderr
    assert all(words in done.stdout for words in fails.split("; ")), done.stdout
