"""A look at the processes of hogs."""

from __future__ import annotations

import psutil


def own() -> list[psutil.Process]:
    """Return the processes of hogs among our descendants."""
    return [one for one in psutil.Process().children(recursive=True) if "hogs/program.py" in " ".join(one.cmdline())]
