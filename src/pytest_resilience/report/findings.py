"""What was found out about a test when it was over, in plain values: parts of a `Record`.

Times are seconds since the timeline of the test began; lengths are seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What the users of a load saw in one window.

    :ivar outcomes: how often each status or category of failure came, the most frequent first.
    :ivar p50: in seconds; None where too few samples were there, likewise `p95` and `p99`.
    """

    samples: int
    outcomes: Mapping[str, int]
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None


@dataclass(frozen=True, kw_only=True)
class Impact:
    """What one fault did to one load.

    A request *shows* the fault when it failed, or was answered by a status from 500 on, or by one that nobody was
    answered with before the first fault of the test. Those that their own users gave up show nothing.

    :ivar fault: its name, and `struck`, when it began to strike, tells two of one name apart.
    :ivar drive: the title of the run of load.
    :ivar after: what began between the heal and the next fault.
    :ivar noticed: from the moment the break began until the first request that shows it was over; None: none did.
    :ivar by: what came of that request.
    :ivar over: from the heal until the last request that shows it was over, at least 0; None where none did, or the
        fault was never healed.
    :ivar calm: for how long the load went on without one after that, until the next fault or its end.
    """

    fault: str
    struck: float
    drive: str
    before: Seen
    during: Seen
    after: Seen
    noticed: float | None = None
    by: str = ""
    over: float | None = None
    calm: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Use:
    """What a service used at one moment.

    :ivar memory: resident bytes; None where it could not be read, as of one that does not run, likewise all else.
    :ivar cpu: how many cores it used on average since the reading before.
    """

    at: float
    memory: int | None = None
    cpu: float | None = None
    descriptors: int | None = None
    threads: int | None = None


@dataclass(frozen=True, kw_only=True)
class Used:
    """What a service used over time."""

    name: str
    uses: tuple[Use, ...]


@dataclass(frozen=True, kw_only=True)
class Group:
    """Errors that say the same.

    :ivar source: the service whose log has them, or the title of the load that was answered so.
    :ivar kind: "log" or "answer"; "rest" for what is left of too many kinds.
    :ivar text: what they have in common: a status, a category of failure, or a line without its numbers.
    :ivar example: the first of them.
    :ivar when: how many came "before" any fault, "during ..." and "after ..." each.
    :ivar new: whether the report before, of the same test, had none; None where there was nothing to compare with.
    """

    source: str
    kind: str
    text: str
    count: int
    example: str
    when: Mapping[str, int]
    new: bool | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """What is the same in another run."""
        return self.source, self.kind, self.text
