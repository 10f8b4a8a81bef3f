"""A Locust run: load from a Locust file in progress, beside the test."""

from __future__ import annotations

import importlib.util
import math
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_resilience import timeline
from pytest_resilience.errors import UsageError
from pytest_resilience.load.driver.locust_wire import Plan, rows_of
from pytest_resilience.load.driver.wire import Job
from pytest_resilience.load.locust_crew import LocustCrew
from pytest_resilience.load.locust_remote import Site
from pytest_resilience.load.profile import Profile, as_profile
from pytest_resilience.load.run import Run

if TYPE_CHECKING:
    from pytest_resilience.load.locustfile import Locustfile
    from pytest_resilience.load.process import Launcher
    from pytest_resilience.options import Options


@dataclass(frozen=True)
class LocustSettings:
    """What the options say of Locust.

    :ivar workers: how many workers a run has whose file does not say; 0 for one process alone.
    :ivar site: where remote workers join; None for workers of our own.
    """

    workers: int = 0
    site: Site | None = None

    @classmethod
    def of(cls, options: Options) -> LocustSettings:
        """Return what the options say.

        :raises UsageError: remote workers are to join several processes of pytest-xdist.
        """
        if options.locust_bind is None:
            return cls(options.locust_workers)
        if "PYTEST_XDIST_WORKER" in os.environ:
            raise UsageError("--resilience-locust-bind: remote workers can join one pytest process; run without -n")
        return cls(options.locust_workers, Site(*options.locust_bind, options.locust_token))


class LocustRun(Run):
    """A run whose load comes from Locust's processes; in all else a run as any."""

    def __init__(self, label: str, job: Job, crew: LocustCrew, *, launcher: Launcher, line: timeline.Timeline) -> None:
        super().__init__(label, [job], launcher=launcher, line=line)
        self._crew = crew


def prepare_locust(
    file: Locustfile,
    *,
    launcher: Launcher,
    rate: float | Profile | None,
    users: float | Profile | None,
    deadline: float,
    seed: int,
    allowed: Callable[[str], None],
    settings: LocustSettings,
    line: timeline.Timeline | None = None,
) -> LocustRun:
    """Return a run of a Locust file that begins when it is entered.

    :param rate: arrivals per second of an `OpenUser`, a number or a profile.
    :param users: users at work, a number or a profile. One of the two is given.
    :param deadline: seconds after which a request counts as failed, and that users have to finish at the end.
    :param allowed: raises `TargetNotAllowed` for a host that may not be touched.
    :raises UsageError: Locust is not installed, or an argument cannot be meant.
    """
    if (rate is None) == (users is None):
        raise UsageError(
            f"load({file!r}): say how much, either users= (users at work) or rate= (arrivals per second of an OpenUser)"
        )
    closed = rate is None
    profile = as_profile(users or 0 if rate is None else rate, "users" if closed else "rate")
    if not 0 < deadline < math.inf:
        raise UsageError(f"load: deadline={deadline} has to be more than zero seconds, and finite")
    if importlib.util.find_spec("locust") is None:
        raise UsageError(
            f"load({file!r}): Locust is not installed; install it with `pip install 'pytest-resilience[locust]'`"
        )
    workers = settings.workers if file.workers is None else file.workers
    if settings.site is not None:
        workers = max(1, workers)
    here = Path.cwd()
    below = file.path.is_relative_to(here)
    if settings.site is not None and not below:
        raise UsageError(
            f"load({file!r}): remote workers look for the file below their own working directory, and {file.path} is "
            f"not below this one, {here}: run pytest where the project begins"
        )
    host = () if file.host is None else ("--host", file.host)
    plan = Plan(
        role="local",
        file=str(file.path.relative_to(here)) if below else str(file.path),
        directory=str(here),
        arguments=(
            "--headless", "--only-summary", "--exit-code-on-error", "0", "--stop-timeout", str(math.ceil(deadline)),
            *host, *file.arguments, *file.users,
        ),
        path=tuple(entry for entry in sys.path if entry and Path(entry).is_dir()),
        pieces=rows_of(profile),
        closed=closed,
        deadline=deadline,
        seed=seed,
    )  # fmt: skip
    job = Job(
        path=(), directory=str(here), what=b"", profile=profile, closed=closed, deadline=deadline, seed=seed,
        drivers=max(1, workers),
    )  # fmt: skip
    crew = LocustCrew(file.label, job, plan, workers=workers, site=settings.site, allowed=allowed)
    return LocustRun(file.label, job, crew, launcher=launcher, line=line or timeline.current())
