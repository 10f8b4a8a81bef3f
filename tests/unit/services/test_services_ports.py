"""Leases of ports: outside the ephemeral range, never twice, free again when their holder is gone."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_resilience.errors import BackendUnavailable, UsageError
from pytest_resilience.services import ports
from pytest_resilience.services.ports import ephemeral_range, lease_port, outside, shared_directory

HOLDER = """
import sys
from pathlib import Path
from pytest_resilience.services import ports
ports.outside = lambda low, high: iter([int(sys.argv[2])])
lease = ports.lease_port(Path(sys.argv[1]))
print(lease.port, flush=True)
sys.stdin.read()
"""


def only(monkeypatch: pytest.MonkeyPatch, *numbers: int) -> None:
    monkeypatch.setattr(ports, "outside", lambda *_: iter(numbers))


def test_a_leased_port_is_one_that_the_kernel_gives_to_no_client(tmp_path: Path) -> None:
    low, high = ephemeral_range()
    with lease_port(tmp_path) as lease:
        assert not low <= lease.port <= high


def test_a_leased_port_can_be_served_on(tmp_path: Path) -> None:
    with lease_port(tmp_path) as lease, socket.create_server(("127.0.0.1", lease.port)) as server:
        assert server.getsockname()[1] == lease.port


def test_two_leases_are_never_of_one_port(tmp_path: Path) -> None:
    leases = [lease_port(tmp_path) for _ in range(20)]
    assert len({lease.port for lease in leases}) == 20
    for lease in leases:
        lease.close()


def test_a_port_that_was_given_back_can_be_leased_again(
    tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, port)
    first = lease_port(tmp_path)
    with pytest.raises(BackendUnavailable, match=r"no free port on 127\.0\.0\.1: tried 1"):
        lease_port(tmp_path)
    first.close()
    first.close()
    lease_port(tmp_path).close()


def test_a_port_that_somebody_else_serves_on_is_passed_over(
    tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with lease_port(tmp_path) as other:
        only(monkeypatch, port, other.port + 1)
        with socket.create_server(("127.0.0.1", port)), lease_port(tmp_path) as lease:
            assert lease.port == other.port + 1


def test_a_lease_ends_with_the_process_that_holds_it(
    tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, port)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path), str(port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with holder:
        assert int(holder.stdout.readline()) == port
        with pytest.raises(BackendUnavailable):
            lease_port(tmp_path)
        holder.kill()
        holder.wait()
    lease_port(tmp_path).close()


@pytest.mark.parametrize(
    ("low", "high", "first", "count"),
    [
        (32768, 60999, 10240, 65536 - 1024 - 28232),
        (10000, 65535, 1024, 10000 - 1024),
        (1024, 64999, 65000, 536),
        (1024, 65535, None, 0),
    ],
)
def test_ports_are_taken_from_both_sides_of_the_range_the_high_ones_first(
    low: int, high: int, first: int | None, count: int
) -> None:
    found = list(outside(low, high))
    assert (found[0] if found else None, len(found)) == (first, count)


def test_the_locks_of_all_runs_lie_in_one_private_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    place = shared_directory()
    assert place == shared_directory()
    assert place.stat().st_mode & 0o777 == 0o700


def test_a_directory_of_locks_that_is_a_link_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    place = shared_directory()
    place.rmdir()
    (tmp_path / "elsewhere").mkdir()
    place.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="set TMPDIR"):
        shared_directory()


def test_a_lease_says_whether_it_is_held(tmp_path: Path) -> None:
    lease = lease_port(tmp_path)
    assert repr(lease) == f"<PortLease {lease.port}: held>"
    lease.close()
    assert repr(lease) == f"<PortLease {lease.port}: given back>"
