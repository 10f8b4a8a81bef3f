"""The header: what a session runs on, and how to replay it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_resilience.options import Options


def header(options: Options) -> str:
    """Return backend and why, versions of the real components, size and seed, in a line or two."""
    from pytest_resilience.links.choice import describe
    from pytest_resilience.services.choice import choose

    links = describe(options)
    drawn = "given" if options.seed_given else f"replay with --resilience-seed={options.seed}"
    said = [str(choose(options, pull=False)), *([links] if links else []), f"size {options.size}"]
    line = f"resilience: {'; '.join(said)}; seed {options.seed} ({drawn})"
    if options.locust_bind is None:
        return line
    from pytest_resilience.load.locust_remote import Site

    command = Site(*options.locust_bind, options.locust_token).command
    return f"{line}\nresilience: for a remote Locust worker, in a checkout of this project: {command}"
