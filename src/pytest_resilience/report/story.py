"""The story of one test: its timeline, the logs of what it ran, and what its load came to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from pytest_resilience.timeline import Timeline

if TYPE_CHECKING:
    from pytest_resilience.faults.visit import Visit
    from pytest_resilience.measure.gauges import Use
    from pytest_resilience.report.witness import Witness


class Served(Protocol):
    """A service that a test uses."""

    def logs(self) -> str:
        """Return what it has written."""

    def usage(self) -> Use:
        """Return what it uses now."""


@dataclass
class Story:
    """What the report of one test is made of, filled in by the fixtures that the test uses.

    :ivar called: when the test function was called, after its fixtures were set up; None before that.
    :ivar passed: whether the test function did what it was to do; known when its fixtures are torn down.
    :ivar services: the services, by name, also those that do not run yet or any more.
    :ivar witness: who looks at them while the test lasts; None where there is no report.
    :ivar runs: the runs of load, each with a repr of one line.
    :ivar soaks: the soaks that are over, which tell of all their runs as one.
    :ivar targets: the services and links that are running, by name: whom `--resilience-monkey` may strike.
    :ivar cells: the names of the faults that a fault matrix has given the test.
    :ivar visit: what `--resilience-monkey` did; None where it was not asked for, or the test is left alone.
    """

    timeline: Timeline = field(default_factory=Timeline)
    called: float | None = None
    passed: bool = False
    services: dict[str, Served] = field(default_factory=dict)
    witness: Witness | None = None
    runs: Sequence[object] = ()
    soaks: list[object] = field(default_factory=list)
    targets: dict[str, object] = field(default_factory=dict)
    cells: list[str] = field(default_factory=list)
    visit: Visit | None = None

    @property
    def told(self) -> bool:
        """Whether anything happened that a report has to tell."""
        return bool(self.timeline.episodes or self.runs or self.soaks or (self.visit and self.visit.missed))
