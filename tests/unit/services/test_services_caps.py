"""The limits of a real service, as processes and in a container: the kernel holds them, counts at them, and lets go."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import glutton
import pytest

from pytest_resilience.errors import BackendUnavailable, FaultDidNotBite, UsageError
from pytest_resilience.janitor import Janitor
from pytest_resilience.services import process_curbs
from pytest_resilience.services.container import ContainerBackend
from pytest_resilience.services.docker_probe import connect, has_image
from pytest_resilience.services.hierarchy import place_of
from pytest_resilience.services.own_group import NoGroup
from pytest_resilience.services.process import ProcessBackend
from pytest_resilience.services.service import Service
from pytest_resilience.services.starter import Starter
from pytest_resilience.waiting import wait_until

IMAGE = os.environ.get("CLINIC_IMAGE", "pytest-resilience/python:local")
MIB = 2**20
DISK = 4 * MIB
ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root may make control groups and mount; run as root")


class Guest:
    """A glutton and how to ask it."""

    def __init__(self, service: Service, kind: str) -> None:
        self.service = service
        self.kind = kind

    def take(self, what: str, number: int) -> str:
        with socket.create_connection(("127.0.0.1", self.service.port), timeout=10) as connection:
            connection.sendall(f"{what} {number}".encode())
            try:
                return connection.recv(200).decode()
            except ConnectionResetError:
                return ""


@contextmanager
def served(janitor: Janitor, kind: str, *, disk: int | None = DISK) -> Iterator[Guest]:
    containers = None
    if kind == "docker":
        try:
            containers = ContainerBackend(janitor)
        except BackendUnavailable as error:
            pytest.skip(str(error))
        with closing(connect(containers.address, patience=10)) as daemon:
            if not has_image(daemon, IMAGE):
                pytest.skip(f"no image {IMAGE}; make it with: python .ci/images.py, or name one as CLINIC_IMAGE")
    starter = Starter(ProcessBackend(janitor), containers, started=lambda _: None)
    with closing(starter):
        python = "python" if kind == "docker" else sys.executable
        program = Path(glutton.__file__).read_text()
        where = "{disk}" if disk else "/nowhere"
        yield Guest(starter(python, "-c", program, "{port}", where, image=IMAGE, name="glutton", disk=disk), kind)


@pytest.fixture(params=["process", pytest.param("docker", marks=pytest.mark.docker)])
def guest(request: pytest.FixtureRequest, janitor: Janitor) -> Iterator[Guest]:
    with served(janitor, request.param) as guest:
        yield guest


def groups(janitor: Janitor) -> list[Path]:
    places = [place for name in ("memory", "cpu") if (place := place_of(os.getpid(), name))]
    return [path for place in places for path in place.folder.glob(f"pytest-resilience-{janitor.token}*")]


@ROOT
def test_beyond_its_memory_it_is_killed_by_the_kernel_and_brought_back(guest: Guest, janitor: Janitor) -> None:
    service = guest.service
    with service.capped(memory=service.usage().rss + 24 * MIB) as cap:
        assert guest.take("memory", 8) == "ok"
        assert service.running
        assert guest.take("memory", 64) == ""
    assert cap.receipt.counts["oom_kills"] == 1
    means = {"docker update"} if guest.kind == "docker" else {"cgroup v1", "cgroup v2"}
    assert cap.receipt.counts["memory_limited_by"] in means
    assert guest.take("memory", 64) == "ok"
    assert not groups(janitor)


@ROOT
def test_below_its_memory_it_is_not_killed_and_the_cap_did_not_bite(guest: Guest) -> None:
    service = guest.service
    before = service._unit.pids
    with pytest.raises(FaultDidNotBite, match="never reached memory=.*oom kills 0"):
        with service.capped(memory=service.usage().rss + 64 * MIB):
            assert guest.take("memory", 8) == "ok"
    assert service._unit.pids == before
    assert guest.take("memory", 80) == "ok"


@ROOT
def test_a_second_cap_knows_nothing_of_the_kill_under_the_first(guest: Guest) -> None:
    service = guest.service
    with service.capped(memory=service.usage().rss + 24 * MIB):
        assert guest.take("memory", 64) == ""
    with service.capped(memory=service.usage().rss + 64 * MIB, optional=True) as second:
        assert guest.take("memory", 8) == "ok"
    assert second.receipt.counts["oom_kills"] == 0


def test_descriptors_run_out_and_come_back(guest: Guest) -> None:
    service = guest.service
    usage = service.usage()
    assert usage.descriptors is not None
    with service.capped(fds=usage.descriptors + 8) as cap:
        assert guest.take("descriptors", 50) == "OSError Too many open files"
        last = socket.create_connection(("127.0.0.1", service.port))
        wait_until(lambda: service.usage().descriptors == cap.receipt.counts["fds_limit"], within=5)
    last.close()
    assert cap.receipt.counts["fds_limit"] == usage.descriptors + 8
    assert cap.receipt.counts["descriptors_open"] == usage.descriptors + 8
    assert guest.take("nothing", 0) == "ok"
    assert guest.take("descriptors", 500) == "ok"


def test_descriptors_that_were_not_wanted_did_not_run_out(guest: Guest) -> None:
    usage = guest.service.usage()
    assert usage.descriptors is not None
    with pytest.raises(FaultDidNotBite, match=r"never reached fds=\d+ .*descriptors open"):
        with guest.service.capped(fds=usage.descriptors + 8):
            assert guest.take("descriptors", 2) == "ok"


@ROOT
def test_a_disk_is_full_and_has_room_again(guest: Guest) -> None:
    service = guest.service
    assert guest.take("disk", 10) == "ok"
    assert service.disk_used == 10 * 4096
    with service.capped(disk=service.disk_used + 2 * 4096) as cap:
        assert guest.take("disk", 3) == "OSError No space left on device"
        assert service.disk_used == 12 * 4096
    assert cap.receipt.counts == {
        "disk_limit": 12 * 4096,
        "disk_limited_by": "ballast in its own file system",
        "bytes_free_at_least": 0,
    }
    assert guest.take("disk", 500) == "ok"


@ROOT
def test_a_disk_keeps_what_is_on_it_over_a_crash(guest: Guest) -> None:
    assert guest.take("disk", 10) == "ok"
    with guest.service.killed():
        pass
    assert guest.service.disk_used == 10 * 4096
    assert guest.take("disk", 1) == "ok"
    assert guest.service.disk_used == 11 * 4096


@ROOT
def test_a_disk_that_was_not_filled_did_not_bite(guest: Guest) -> None:
    with pytest.raises(FaultDidNotBite, match=r"never reached disk=40960 .*bytes free at least 32768"):
        with guest.service.capped(disk=10 * 4096):
            assert guest.take("disk", 2) == "ok"


@ROOT
@pytest.mark.parametrize("size", [4096, DISK, DISK + 1])
def test_a_cap_on_the_disk_is_between_what_is_on_it_and_its_size(guest: Guest, size: int) -> None:
    assert guest.take("disk", 10) == "ok"
    with pytest.raises(UsageError, match=f"disk={size}.*40960 bytes are in its disk of {DISK}"):
        with guest.service.capped(disk=size):
            pass
    assert guest.take("disk", 500) == "ok"


@ROOT
def test_with_a_share_of_a_processor_it_takes_longer(guest: Guest, janitor: Janitor) -> None:
    service = guest.service
    with service.throttled(cpu=0.02) as throttle:
        began = time.monotonic()
        assert guest.take("cpu", 20) == "ok"
        # 20 ms of work in shares of 2 ms, one each 100 ms, so small that also a busy machine gives it more.
        assert time.monotonic() - began >= 0.5
    counts = throttle.receipt.counts
    assert counts["cpu_limit"] == pytest.approx(0.02)
    assert int(counts["periods_throttled"]) >= 3
    assert float(counts["seconds_throttled"]) > 0
    assert not groups(janitor)


@ROOT
def test_an_idle_service_does_not_notice_that_it_is_throttled(guest: Guest) -> None:
    with pytest.raises(FaultDidNotBite, match=r"never reached cpu=0\.2 .*periods throttled 0"):
        with guest.service.throttled(cpu=0.2):
            pass


def refuse(*_: object, **__: object) -> None:
    raise NoGroup("read-only file system")


def test_without_control_groups_allocations_fail_and_nobody_is_killed(
    janitor: Janitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_curbs, "GroupMemoryCap", refuse)
    with served(janitor, "process", disk=None) as guest:
        service = guest.service
        before = service._unit.pids
        with service.capped(memory=service.usage().rss + 24 * MIB) as cap:
            assert guest.take("memory", 64).startswith("MemoryError")
        assert cap.receipt.counts["memory_limited_by"] == "address space"
        assert service._unit.pids == before
        assert guest.take("nothing", 0) == "ok"
        assert guest.take("memory", 64) == "ok"
        assert guest.take("nothing", 0) == "ok"
        with pytest.raises(FaultDidNotBite, match="never reached memory=.*bytes grown 0"):
            with service.capped(memory=service.usage().rss + 64 * MIB):
                pass


def test_without_control_groups_it_is_stopped_for_most_of_the_time(
    janitor: Janitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_curbs, "GroupCpuCap", refuse)
    with served(janitor, "process", disk=None) as guest:
        service = guest.service
        with service.throttled(cpu=0.2) as throttle:
            assert guest.take("cpu", 300) == "ok"
        counts = throttle.receipt.counts
        assert counts["cpu_limited_by"] == "SIGSTOP and SIGCONT"
        assert 0.1 < float(counts["cpu_used"]) < 0.6
        assert guest.take("cpu", 10) == "ok"
        with pytest.raises(FaultDidNotBite, match=r"never reached cpu=0\.2"), service.throttled(cpu=0.2):
            assert guest.take("nothing", 0) == "ok"
