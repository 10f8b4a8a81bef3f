"""The programs that make networks: found wherever Debian puts them, run in the current namespace."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence

# An ordinary user's PATH leaves out where these live.
_PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/local/sbin:/usr/sbin:/sbin"
_PATIENCE = 10.0  # seconds; each takes a few milliseconds


class ToolFailed(Exception):
    """A program is missing, or has refused; the message has its words."""


def found(program: str) -> str | None:
    """Return where a program is, None where it is not."""
    return shutil.which(program, path=_PATH)


def tool(*words: str, text: str = "", pass_fds: Sequence[int] = ()) -> str:
    """Run a program with `text` as its input and return its output.

    :raises ToolFailed: it is not there, or does not end well.
    """
    path = found(words[0])
    if path is None:
        raise ToolFailed(f"there is no `{words[0]}` on PATH or in /usr/sbin")
    environment = {
        "LC_ALL": "C",
        "PATH": _PATH,
        # Its usual place is the host's, and root's. The namespace is ours alone, and we are one: nobody to lock out.
        "XTABLES_LOCKFILE": "/dev/null",
    }
    try:
        done = subprocess.run(
            [path, *words[1:]], input=text, env=environment, pass_fds=pass_fds,
            capture_output=True, text=True, errors="replace", timeout=_PATIENCE, check=False,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        raise ToolFailed(f"{' '.join(words)}: {error}") from error
    if done.returncode != 0:
        said = " ".join(done.stderr.split()) or f"exit status {done.returncode}"
        raise ToolFailed(f"{' '.join(words)}: {said}")
    return done.stdout
