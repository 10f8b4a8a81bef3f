"""Bugs: mistakes that real services have, to be planted by name, so that the scenarios can be shown to catch them.

`CLINIC_BUGS=no-retry,stale-pool` plants two. Each is asked for by `planted(name)` at the place of the safeguard that it
takes away, and without the variable the answer is always no. `tests/proof` runs the scenarios against them.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from types import MappingProxyType

log = logging.getLogger("clinic.bugs")

# In the order of the table in the README: the road to the database, what is written there, the cache, the web.
_LIST = {
    "no-retry": "what may be repeated is not: the first error is the answer",
}
BUGS: Mapping[str, str] = MappingProxyType(_LIST)
"""Name to what is wrong."""

_planted: frozenset[str] = frozenset()


def plant(names: str) -> None:
    """Plant the bugs of this process, names with commas between them, instead of those before.

    A name that is none is a `SystemExit` that says which there are.
    """
    global _planted  # noqa: PLW0603  (of the process, like the environment that it is read from)
    wanted = frozenset(name.strip() for name in names.split(",") if name.strip())
    if unknown := sorted(wanted - BUGS.keys()):
        raise SystemExit(f"CLINIC_BUGS={names!r}: no such bug: {', '.join(unknown)}; there are: {', '.join(BUGS)}")
    _planted = wanted
    if wanted:
        log.warning("planted: %s", ", ".join(sorted(wanted)))


def planted(name: str) -> bool:
    """Whether the bug is there."""
    return name in _planted
