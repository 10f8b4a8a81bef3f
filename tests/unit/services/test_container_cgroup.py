from __future__ import annotations

from pathlib import Path

import pytest

from pytest_resilience.services.backend import Usage
from pytest_resilience.services.container_cgroup import Cgroup

ID = "0123abcd"


class Host:
    """The files of a host on which one container runs, as pid 70 with a child 71."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.proc = root / "proc"
        (self.proc / "self").mkdir(parents=True)
        for pid in (70, 71):
            for folder in ("task/1", "task/2", "fd/0", "fd/1", "fd/2"):
                (self.proc / str(pid) / folder).mkdir(parents=True)

    def write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def cgroup(self) -> Cgroup | None:
        return Cgroup.of(70, ID, proc=self.proc)


@pytest.fixture
def version_1(tmp_path: Path) -> Host:
    host = Host(tmp_path)
    host.write(
        "proc/self/mounts",
        f"tmpfs {tmp_path}/sys tmpfs rw,mode=755 0 0\n"
        f"cgroup {tmp_path}/sys/cpu,cpuacct cgroup rw,relatime,cpu,cpuacct 0 0\n"
        f"cgroup {tmp_path}/sys/memory cgroup rw,relatime,memory 0 0\n",
    )
    host.write("proc/70/cgroup", f"4:memory:/docker/{ID}\n3:cpu,cpuacct:/docker/{ID}\n2:name=systemd:/\n0::/\n")
    host.write(f"sys/memory/docker/{ID}/cgroup.procs", "70\n71\n")
    host.write(f"sys/cpu,cpuacct/docker/{ID}/cgroup.procs", "70\n71\n")
    host.write(f"sys/memory/docker/{ID}/memory.stat", "cache 9\nrss 1\ntotal_rss 4096\ntotal_mapped_file 8192\n")
    host.write(f"sys/cpu,cpuacct/docker/{ID}/cpuacct.usage", "2500000000\n")
    return host


@pytest.fixture
def version_2(tmp_path: Path) -> Host:
    host = Host(tmp_path)
    host.write("proc/self/mounts", f"cgroup2 {tmp_path}/sys cgroup2 rw,nsdelegate 0 0\n")
    host.write("proc/70/cgroup", f"0::/system.slice/docker-{ID}.scope\n")
    folder = f"sys/system.slice/docker-{ID}.scope"
    host.write(f"{folder}/cgroup.procs", "70\n71\n")
    host.write(f"{folder}/memory.stat", "anon 4096\nfile 999\nfile_mapped 8192\n")
    host.write(f"{folder}/cpu.stat", "usage_usec 2500000\nuser_usec 1\n")
    return host


@pytest.fixture(params=["version_1", "version_2"])
def host(request: pytest.FixtureRequest) -> Host:
    made: Host = request.getfixturevalue(request.param)
    return made


def test_the_kernel_accounts_to_a_container_in_either_version(host: Host) -> None:
    cgroup = host.cgroup()
    assert cgroup is not None
    assert cgroup.pids() == (70, 71)
    assert cgroup.usage((70, 71)) == Usage(cpu_seconds=2.5, rss=12288, descriptors=6, threads=4, processes=2)


def test_a_pid_of_another_host_is_not_mistaken_for_the_container(host: Host) -> None:
    assert Cgroup.of(70, "another", proc=host.proc) is None
    assert Cgroup.of(1234, ID, proc=host.proc) is None


def test_a_process_that_has_ended_since_counts_nothing(host: Host) -> None:
    cgroup = host.cgroup()
    assert cgroup is not None
    usage = cgroup.usage((70, 99))
    assert usage is not None
    assert (usage.descriptors, usage.threads) == (3, 2)


def test_without_an_account_of_memory_there_is_no_usage(version_2: Host) -> None:
    (version_2.root / f"sys/system.slice/docker-{ID}.scope/memory.stat").unlink()
    cgroup = version_2.cgroup()
    assert cgroup is not None
    assert cgroup.usage((70,)) is None


def test_of_a_container_that_has_ended_since_there_are_no_pids(version_2: Host) -> None:
    cgroup = version_2.cgroup()
    (version_2.root / f"sys/system.slice/docker-{ID}.scope/cgroup.procs").unlink()
    assert cgroup is not None
    assert cgroup.pids() == ()
