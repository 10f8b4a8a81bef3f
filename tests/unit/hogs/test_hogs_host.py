"""What the host has: read as others read it, and within the control group's limits."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest
from fake_host import GIB, FakeHost

from pytest_resilience.hogs.host import Host, Room
from pytest_resilience.measure.machine import Ticks


def test_the_readings_are_those_of_psutil() -> None:
    host, memory = Host(), psutil.virtual_memory()
    room = host.memory()
    if room.total == memory.total:  # else a control group limits us
        assert room.left == pytest.approx(memory.available, rel=0.1)
    disk = psutil.disk_usage("/")
    assert host.disk("/").left == pytest.approx(disk.free, rel=0.05)
    assert host.disk("/").share == pytest.approx(disk.percent / 100, abs=0.02)
    assert host.load() == pytest.approx(psutil.getloadavg()[0], abs=1)
    ticks, times = host.cpu([0]), psutil.cpu_times(percpu=True)[0]
    idle = times.idle + times.iowait
    assert ticks.total - ticks.busy == pytest.approx(idle * 100, rel=0.02, abs=200)
    files = host.files()
    assert 0 < files.left < files.total


def test_the_busy_share_is_that_of_the_time_between() -> None:
    assert Ticks(150, 300).since(Ticks(100, 200)) == 0.5
    assert Ticks(100, 200).since(Ticks(100, 200)) == 0


@pytest.mark.parametrize("version", [1, 2])
def test_a_limit_of_a_control_group_above_us_is_the_total(tmp_path: Path, version: int) -> None:
    fake = FakeHost(tmp_path)
    if version == 2:
        fake.write("proc/self/cgroup", "0::/box/inner\n")
        base, names = "sys/fs/cgroup/box", ("memory.max", "memory.current", "inactive_file")
        fake.write("sys/fs/cgroup/box/inner/memory.max", "max\n")
    else:
        fake.write("proc/self/cgroup", "4:memory:/box/inner\n0::/\n")
        base = "sys/fs/cgroup/memory/box"
        names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        fake.write("sys/fs/cgroup/memory/box/inner/memory.limit_in_bytes", "9223372036854771712\n")
    fake.write(f"{base}/{names[0]}", f"{2 * GIB}\n")
    fake.write(f"{base}/{names[1]}", f"{GIB}\n")
    fake.write(f"{base}/memory.stat", f"rss 1\n{names[2]} {GIB // 2}\n")
    assert Host(str(tmp_path)).memory() == Room(2 * GIB, 2 * GIB - GIB // 2)  # cache that can be dropped is left
    fake.memory(total=8 * GIB, left=GIB // 4)
    assert Host(str(tmp_path)).memory() == Room(2 * GIB, GIB // 4)  # the host itself has less


def test_a_group_whose_path_is_the_hosts_own_is_found_at_the_root(tmp_path: Path) -> None:
    fake = FakeHost(tmp_path)
    fake.write("proc/self/cgroup", "0::/../outer\n")
    fake.write("sys/fs/cgroup/memory.max", f"{GIB}\n")
    fake.write("sys/fs/cgroup/memory.current", f"{GIB // 4}\n")
    assert Host(str(tmp_path)).memory() == Room(GIB, GIB - GIB // 4)
