"""Limits: as many open files as the system allows, for each member of a room is one."""

from __future__ import annotations

import resource

from clinic.bugs import planted


def raise_descriptors() -> None:
    """Raise the soft limit of open files, which is 1,024 on many systems, to the hard one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (300 if planted("few-descriptors") else hard, hard))
