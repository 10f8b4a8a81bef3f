"""What the name of a fault says: whom it strikes and what it does to them."""

from __future__ import annotations

import re

# Faults that are made of others, each of which is an episode of its own.
_WHOLE = re.compile(r"(?:together|monkey)\(.*|schedule")
# The last dot that is not within the arguments: `road.toxic(latency=0.5)`.
_PARTS = re.compile(r"(?:(?P<target>.+)\.)?(?P<kind>[^.()]+(?:\([^()]*\))?)")


def parts(name: str) -> tuple[str, str]:
    """Return the dependency and its fault; the name twice for one that names no dependency.

    >>> parts("redis.killed"), parts("road.toxic(latency=0.5)"), parts("evicted")
    (('redis', 'killed'), ('road', 'toxic(latency=0.5)'), ('evicted', 'evicted'))
    """
    found = _PARTS.fullmatch(name)
    return (found["target"] or name, found["kind"]) if found else (name, name)


def is_whole(name: str) -> bool:
    """Tell whether it is several faults together, which are told of one by one as well."""
    return _WHOLE.fullmatch(name) is not None
