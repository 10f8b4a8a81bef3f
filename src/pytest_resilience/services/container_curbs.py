"""The limits of a unit that is a container: those that the daemon holds, and those of its processes.

What the kernel counts is read from the container's control group. When the container has ended, that has gone with it,
and what is left is the daemon's word on whether it ended for lack of memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from pytest_resilience.errors import ServiceStateError, Unsupported, UsageError, WaitTimeout
from pytest_resilience.services.descriptors import DescriptorCap
from pytest_resilience.services.disk_cap import DiskCap
from pytest_resilience.services.group_files import MEMORY, PERIOD, CpuFiles, MemoryFiles
from pytest_resilience.services.watch import Watch
from pytest_resilience.timeline import Count
from pytest_resilience.waiting import wait_until

if TYPE_CHECKING:
    from docker.models.containers import Container as Box

    from pytest_resilience.services.backend import Curb, Limit, Spec
    from pytest_resilience.services.container_cgroup import Cgroup

_PATIENCE = 10.0  # seconds for the daemon
_RECLAIM = 5.0  # seconds for the kernel to take back what is above a limit: pages of files that were read or written
_FLOOR = 6 * 2**20  # bytes: what the daemon gives at least


def curb_container(
    spec: Spec, box: Box, cgroup: Cgroup | None, *, pids: Callable[[], tuple[int, ...]], limit: Limit, value: float
) -> Curb:
    """Put a running container under a limit; see `Unit.curb`."""
    if cgroup is None and limit in ("descriptors", "disk"):
        raise Unsupported(
            f"{spec.name}: the processes of container {box.name} are not this host's, so that their {limit} cannot be "
            "limited from here; run pytest on the Docker daemon's own machine"
        )
    match limit:
        case "descriptors":
            return DescriptorCap(spec.name, pids, int(value))
        case "disk":
            running = pids()
            if not running:
                raise ServiceStateError(f"{spec.name}: cannot be capped, it has ended; start it first")
            return DiskCap(spec.name, spec.volume, int(value), pid=running[0])
        case "memory":
            return UpdatedMemory(spec.name, box, cgroup, int(value))
        case "cpu":
            return UpdatedCpu(spec.name, box, cgroup, value)


class UpdatedMemory:
    """The container's limit on memory, swap included, as by `docker update --memory`."""

    means = "docker update"

    def __init__(self, name: str, box: Box, cgroup: Cgroup | None, limit: int) -> None:
        if limit < _FLOOR:
            raise UsageError(
                f"{name}: capped(memory={limit}): the Docker daemon gives no container less than {_FLOOR} bytes"
            )
        self._box = box
        folder = cgroup.folder(MEMORY) if cgroup else None
        self._files = MemoryFiles(folder, 1 if (folder / "memory.limit_in_bytes").exists() else 2) if folder else None
        self._counts: dict[str, Count] = {}
        self._start = dict(self._files.met()) if self._files else {}
        self._lifted = False
        box.reload()
        self._killed_before = bool(box.attrs["State"].get("OOMKilled"))
        _update(name, box, mem_limit=limit, memswap_limit=limit)
        self._watch = Watch(self._look)

    def read(self) -> float:
        """Return the limit as the kernel has it, else as the daemon does."""
        if self._files:
            return self._files.read()
        self._box.reload()
        return float(self._box.attrs["HostConfig"]["Memory"])

    def met(self) -> Mapping[str, Count]:
        """Return how often the limit was hit, and how many processes were killed for it."""
        if not self._lifted:
            self._look()
            self._ask()
        return self._counts

    @property
    def reached(self) -> bool:
        """Whether the kernel had to reclaim memory or to kill."""
        return any(self.met().values())

    def lift(self) -> None:
        """Let it have as much as the daemon's machine has, and as much swap."""
        if self._lifted:
            return
        self._watch.end()
        self._ask()
        self._lifted = True
        if self._box.client is None:
            raise UsageError(f"container {self._box.name} has no client")
        whole = int(self._box.client.info()["MemTotal"])
        # Both, and never "unlimited": the daemon takes -1 for the swap alone.
        _free(self._box, mem_limit=whole, memswap_limit=2 * whole)

    def _look(self) -> None:
        now = self._files.met() if self._files else {}
        self._counts.update({name: int(value) - int(self._start.get(name, 0)) for name, value in now.items()})

    def _ask(self) -> None:
        if self._counts.get("oom_kills"):
            return
        self._box.reload()
        state = self._box.attrs["State"]
        # It goes on saying so after the next start, of what happened before it.
        if state.get("OOMKilled") and not state["Running"] and not self._killed_before:
            self._counts["oom_kills"] = 1


class UpdatedCpu:
    """The container's quota of processor time, as by `docker update --cpus`."""

    means = "docker update"

    def __init__(self, name: str, box: Box, cgroup: Cgroup | None, share: float) -> None:
        folder = cgroup.folder("cpu") if cgroup else None
        if folder is None:
            raise Unsupported(
                f"{name}: how often container {box.name} is throttled cannot be read from here; run pytest on the "
                "Docker daemon's own machine"
            )
        self._box = box
        self._files = CpuFiles(folder, 1 if (folder / "cpu.cfs_quota_us").exists() else 2)
        self._start = dict(self._files.met())
        self._counts: dict[str, Count] = {}
        self._lifted = False
        _update(name, box, cpu_period=PERIOD, cpu_quota=round(share * PERIOD))

    def read(self) -> float:
        """Return the share that the kernel has."""
        return self._files.read()

    def met(self) -> Mapping[str, Count]:
        """Return in how many periods it was made to wait, and for how long all together."""
        if not self._lifted:
            now = self._files.met()
            self._counts.update({name: value - self._start.get(name, 0) for name, value in now.items()})  # type: ignore[operator]
        return self._counts

    @property
    def reached(self) -> bool:
        """Whether it was made to wait."""
        return any(self.met().values())

    def lift(self) -> None:
        """Let it have all processors."""
        if not self._lifted:
            self.met()
            self._lifted = True
            _free(self._box, cpu_quota=-1)


def _update(name: str, box: Box, **limits: int) -> None:
    """Set limits, with patience for a kernel that has to reclaim first what is above them.

    :raises UsageError: what it has cannot be reclaimed.
    :raises Unsupported: the daemon refuses for another reason.
    """
    from docker.errors import APIError

    said = ""

    def updated() -> bool:
        nonlocal said
        try:
            box.update(**limits)  # type: ignore[arg-type]
        except APIError as error:
            said = " ".join(str(error.explanation or error).split())
            # Version 1 gives up after some pages, which are fewer while others are still to be written to a disk.
            if "device or resource busy" in said or "current usage" in said:
                return False
            raise Unsupported(f"{name}: the Docker daemon cannot limit it to {limits}: {said}") from error
        return True

    try:
        wait_until(updated, within=_RECLAIM, what=f"{name} is limited")
    except WaitTimeout as error:
        raise UsageError(
            f"{name}: uses more than {limits} already, and the kernel could not take it back within {_RECLAIM:g} s: "
            f"{said}; pass more"
        ) from error


def _free(box: Box, **limits: int) -> None:
    """Set limits that are none, also those with which it starts again.

    :raises ServiceStateError: the daemon refuses, and goes on to.
    """
    from docker.errors import APIError

    try:
        # One that is about to end is neither running nor not for a moment, and cannot be changed then.
        wait_until(
            lambda: box.update(**limits) is not None,  # type: ignore[arg-type]
            within=_PATIENCE,
            on=(APIError,),
        )
    except WaitTimeout as error:
        raise ServiceStateError(
            f"container {box.name}: its limits cannot be lifted: {error.__cause__}; remove it with `docker rm -f`"
        ) from error
