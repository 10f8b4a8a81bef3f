"""The limits of a unit that is made of processes: by a control group where one may be made, else by other means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_resilience.errors import ServiceStateError
from pytest_resilience.janitor import Child, Janitor
from pytest_resilience.services.address_space import AddressSpaceCap
from pytest_resilience.services.descriptors import DescriptorCap
from pytest_resilience.services.disk_cap import DiskCap
from pytest_resilience.services.duty_cycle import DutyCycle
from pytest_resilience.services.own_group import GroupCpuCap, GroupMemoryCap, NoGroup

if TYPE_CHECKING:
    from pytest_resilience.services.backend import Curb, Limit
    from pytest_resilience.services.process_unit import Process


def curb_process(unit: Process, janitor: Janitor, child: Child, limit: Limit, value: float) -> Curb:
    """Put a running unit under a limit; see `Unit.curb`."""
    name = unit.spec.name
    pids = unit.pids
    if not pids:
        raise ServiceStateError(f"{name}: cannot be capped, it is not running; start it first")
    match limit:
        case "descriptors":
            return DescriptorCap(name, lambda: unit.pids, int(value))
        case "disk":
            return DiskCap(name, unit.spec.volume, int(value), pid=pids[0])
        case "memory":
            held = unit.usage().rss
            try:
                return GroupMemoryCap(janitor, pids, int(value), held=held)
            except NoGroup:
                return AddressSpaceCap(lambda: unit.pids, int(value), room=int(value) - held)
        case "cpu":
            return _throttle(unit, janitor, child, value)


def _throttle(unit: Process, janitor: Janitor, child: Child, share: float) -> Curb:
    def resume() -> None:
        if unit.running:
            unit.resume()

    def used() -> float:
        return unit.usage().cpu_seconds if unit.running else 0.0

    try:
        return GroupCpuCap(janitor, unit.pids, share)
    except NoGroup:
        return DutyCycle(janitor, (child.pid, child.started), share, cpu_seconds=used, resume=resume)
