"""The control groups of this host as files: where they are mounted, and which one a process is in.

Version 1 has a tree for each controller, version 2 one for all; a host may have both. Sources: the kernel's
cgroup-v1/cgroups.rst and cgroup-v2.rst, and cgroups(7).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

_PROC = Path("/proc")


class Place(NamedTuple):
    """A control group that a process is in: its directory, and the top of the tree that it is in."""

    folder: Path
    top: Path
    version: int


def place_of(pid: int, controller: str, *, proc: Path = _PROC) -> Place | None:
    """Return the control group of `pid` for a controller (`memory`, `cpu`).

    None where it is not to be seen from here, or no such controller is on in any tree.
    """
    try:
        lines = (proc / str(pid) / "cgroup").read_text().splitlines()
    except OSError:
        return None
    fields = [line.split(":", 2) for line in lines]
    first = [(path, 1) for _, names, path in fields if controller in names.split(",")]
    for path, version in [*first, *((path, 2) for _, names, path in fields if not names)]:
        for top, names in mounted(proc, version=version):
            folder = top / path.lstrip("/")
            on = controller in names if version == 1 else controller in _words(top / "cgroup.controllers")
            if on and (folder / "cgroup.procs").exists():
                return Place(folder, top, version)
    return None


def mounted(proc: Path = _PROC, *, version: int) -> list[tuple[Path, set[str]]]:
    """Return where the hierarchies of this version are mounted, each with the controllers among its options."""
    kind = {1: "cgroup", 2: "cgroup2"}[version]
    fields = [line.split() for line in (proc / "self" / "mounts").read_text().splitlines()]
    return [(Path(where), set(options.split(","))) for _, where, type_, options, *_ in fields if type_ == kind]


def numbers(path: Path) -> Mapping[str, int]:
    """Return the lines `NAME NUMBER` of a file."""
    pairs = (line.split() for line in path.read_text().splitlines())
    return {name: int(value) for name, value in pairs}


def _words(path: Path) -> list[str]:
    try:
        return path.read_text().split()
    except OSError:
        return []
