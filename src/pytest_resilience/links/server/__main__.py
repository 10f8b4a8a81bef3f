"""The command line of the embedded server.

Runs as `python -m pytest_resilience.links.server` and, without the package around it, by its path:
`python .../links/server`.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path


def program_name() -> str:
    """Return the name to import the program by; make it importable if this was started by its path."""
    if __package__:
        return f"{__package__}.program"
    here = Path(__file__).resolve().parent
    sys.path[0] = str(here.parent)  # it was `here`, whose modules would take the place of others: http
    return f"{here.name}.program"


if __name__ == "__main__":
    sys.exit(import_module(program_name()).main())
