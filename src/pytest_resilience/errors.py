"""What goes wrong, by name: one exception per party to blame, all of them `ResilienceError`.

The message of each names the thing, the value, what was expected and the next step.
"""

from __future__ import annotations


class ResilienceError(Exception):
    """Any failure that pytest-resilience reports about itself or about how it was used."""


class UsageError(ResilienceError):
    """An argument, option, ini value or marker that cannot be meant: the caller has to change it."""


class BackendUnavailable(ResilienceError):
    """The backend, binary or image that was asked for is not to be had on this machine."""


class Unsupported(ResilienceError):
    """A fault that cannot be had on this machine or backend; the test that asked for it is skipped with this reason."""


class ServiceNotReady(ResilienceError):
    """A service was started and did not become ready in time, or died while it was starting."""


class ServiceStateError(ResilienceError):
    """A service was asked for what its state forbids, such as pausing one that is not running."""


class FaultInForce(ResilienceError):
    """A fault was entered while it is already in force on the same target."""


class FaultDidNotBite(ResilienceError):
    """A fault was injected and touched nothing, so a test that passes under it has shown nothing."""


class NotHealed(ResilienceError):
    """A fault was still in force when the test ended; it was undone by force."""


class NoSamples(ResilienceError):
    """A window of load holds no samples, so nothing can be said about it."""


class TooFewSamples(NoSamples):
    """A window holds too few samples for the quantile that was asked of it."""


class DriverSaturated(ResilienceError):
    """The load generator was itself the limit, so what it measured says nothing about the service."""


class ThresholdCrossed(ResilienceError):
    """A run was ended ahead of time, because the critical threshold of its `stop_when=` was crossed."""


class DriverDied(ResilienceError):
    """The load generator's process ended before the run did."""


class NotPortable(UsageError):
    """A user's function holds something that cannot travel to the driver process."""


class TargetNotAllowed(UsageError):
    """A host that is neither loopback nor allowed by `--resilience-allow-target` was to be touched."""


class LinkServerError(ResilienceError):
    """The server behind the links refused a request or did not answer it in time."""


class WaitTimeout(ResilienceError):
    """A condition did not come true within the time it was given."""


class HostInDanger(ResilienceError):
    """The host that everything runs on came to a critical threshold, so the scenario was ended."""


class JanitorError(ResilienceError):
    """The janitor cannot be started or trusted: its process does not come up, or its directory is not safe."""


class UndoFailed(ResilienceError):
    """Something of ours is still there although it was to be undone."""


class SetupFailed(ResilienceError):
    """What a load needs before its first call could not be opened in the driver, or not be closed after its last."""
