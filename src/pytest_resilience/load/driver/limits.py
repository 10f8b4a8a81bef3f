"""Limits: how many connections one process may have."""

from __future__ import annotations

import resource

SPARE = 64  # descriptors for everything that is no connection to the service


def descriptors() -> int:
    """Return how many connections the host allows this process, having raised its limit as far as it goes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return allowed()


def allowed() -> int:
    """Return how many connections a process of ours can have once its limit is raised."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(1, (1 << 20 if hard == resource.RLIM_INFINITY else hard) - SPARE)
