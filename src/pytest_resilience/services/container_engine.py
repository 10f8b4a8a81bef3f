"""What the Docker daemon says of one container: its state, its figures, and why it refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pytest_resilience.errors import BackendUnavailable, ResilienceError, ServiceNotReady, ServiceStateError
from pytest_resilience.services.backend import Usage

if TYPE_CHECKING:
    from docker.errors import APIError
    from docker.models.containers import Container as Box

_BY_SIGNAL = 128  # Docker's way, and a shell's, to say which signal ended a process


class State(NamedTuple):
    """A container's state; `exit_code` is negative for a signal, None for one that runs or never ran.

    A program that itself exits with 129 to 192 cannot be told from one that a signal ended.
    """

    running: bool = False
    paused: bool = False
    pid: int = 0
    exit_code: int | None = None


def state_of(box: Box | None) -> State:
    """Return the state of a container now; of none, and of one that was removed, that it does not run."""
    from docker.errors import NotFound

    if box is None:
        return State()
    try:
        box.reload()
    except NotFound:
        return State()
    said = box.attrs["State"]
    if said["Running"]:
        return State(running=True, paused=said["Paused"], pid=said["Pid"])
    code = said["ExitCode"]
    return State(exit_code=_BY_SIGNAL - code if _BY_SIGNAL < code <= _BY_SIGNAL + 64 else code)


def usage_of(box: Box, processes: int) -> Usage:
    """Return the daemon's own figures, which take a second and leave descriptors and threads out."""
    stats = box.stats(stream=False, one_shot=True)
    match stats:
        case {
            "cpu_stats": {"cpu_usage": {"total_usage": int(nanoseconds)}},
            "memory_stats": {"stats": {"total_rss": int(own), "total_mapped_file": int(mapped)}}
            | {"stats": {"anon": int(own), "file_mapped": int(mapped)}},
        }:
            cpu = nanoseconds / 1e9
            return Usage(cpu_seconds=cpu, rss=own + mapped, descriptors=None, threads=None, processes=processes)
    raise ServiceStateError(f"the Docker daemon gives no memory and processor figures of container {box.name}: {stats}")


def refusal(name: str, verb: str, error: APIError) -> ResilienceError:
    """Return what it means that the daemon refused to do something with the service of this name."""
    said = " ".join(str(error.explanation or error).split())
    if 'exec: "' in said:  # runc's words for a program that is not there or cannot be executed
        return BackendUnavailable(f"{name}: its image cannot run the command: {said}")
    return ServiceNotReady(f"{name}: the container cannot be {verb}: {said}")
