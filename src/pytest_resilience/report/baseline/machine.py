"""The machine that a run was on, in a few words: what makes figures of two machines differ most."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path


def machine(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Return the processors that this process may use, and their model."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", cpuinfo.read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        found = None  # it is not Linux; the architecture is all that can be said
    return f"{count} × {' '.join(found[1].split()) if found else platform.machine()}"
