"""Hogs of what is counted: descriptors and connections, and of a disk's time."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from fake_host import FakeHost
from hog_harness import own

from pytest_resilience import FaultDidNotBite, Hogs, TargetNotAllowed, UsageError
from pytest_resilience.hogs import descriptors
from pytest_resilience.hogs.connections import ConnectionsHog, ConnectionsTaker, aim
from pytest_resilience.hogs.descriptors import DescriptorsHog, DescriptorsTaker
from pytest_resilience.hogs.host import Host
from pytest_resilience.hogs.taker import HOLDING, SHORT, TAKING
from pytest_resilience.waiting import wait_until

MIB = 1024**2


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
        yield listener


def test_descriptors_are_open_files_of_the_host(hogs: Hogs) -> None:
    with hogs.descriptors(3000) as episode:
        [process] = own()
        assert 3000 <= process.num_fds() < 3032
    assert episode.receipt.counts["descriptors"] == 3000
    assert not own()


def test_more_than_one_process_can_have_are_shared(hogs: Hogs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(descriptors, "one_process", lambda: 40)
    with hogs.descriptors(100) as episode:
        assert min(one.num_fds() for one in own()) >= 33
        assert len(own()) == 3
    assert (episode.receipt.counts["descriptors"], episode.receipt.counts["processes"]) == (100, 3)
    monkeypatch.setattr(descriptors, "one_process", lambda: 1)
    with pytest.raises(UsageError, match="takes 1,500 processes, as one can have 1 files open"), hogs.descriptors(1500):
        pytest.fail("was struck")


def test_the_hosts_own_files_have_a_floor(fake: FakeHost) -> None:
    hog = DescriptorsHog(95_000, fall_short=False, host=Host(str(fake.root)))  # 100,000, of which 1,000 are open
    with pytest.raises(
        UsageError, match=r"hogs.descriptors\(95000\): would leave 4,000 of .* is 10,000\. Ask for 89,000"
    ):
        hog.tasks("")
    taker = DescriptorsTaker({"n": 100, "root": str(fake.root)})
    fake.write("proc/sys/fs/file-nr", "89960\t0\t100000\n")
    taker.step()
    fake.write("proc/sys/fs/file-nr", "90000\t0\t100000\n")
    assert taker.step() == TAKING
    assert taker.step() == SHORT
    assert (taker.why, taker.counts()["descriptors"]) == ("stopped at the floor of 10,000 open files", 40)
    fake.write("proc/sys/fs/file-nr", "90005\t0\t100000\n")
    taker.step()
    assert taker.counts() == {"descriptors": 35, "given_back": 5}
    for one in taker._held:
        Path(f"/proc/self/fd/{one}").stat()
    held = taker._held[:]
    taker.release()
    assert not [one for one in held if Path(f"/proc/self/fd/{one}").exists()]


def test_connections_are_established_and_gone_after(hogs: Hogs, listener: socket.socket) -> None:
    host, port = listener.getsockname()
    with hogs.connections(f"{host}:{port}", 100) as episode:
        [process] = own()
        made = [one for one in process.net_connections("tcp") if one.raddr and one.raddr.port == port]
        assert len(made) == 100
        assert {one.status for one in made} == {psutil.CONN_ESTABLISHED}
    assert episode.name == f"hogs.connections({host}:{port})"
    assert episode.receipt.counts == {"established": 100, "closed_by_peer": 0}
    assert not [one for one in psutil.net_connections("tcp") if one.raddr and one.raddr.port == port and one.pid]


def test_what_the_other_side_closes_is_counted(hogs: Hogs, listener: socket.socket) -> None:
    def turn_away() -> None:
        for _ in range(20):
            one, _ = listener.accept()
            one.sendall(b"too many")
            one.close()

    away = threading.Thread(target=turn_away)
    away.start()
    with hogs.connections(f"tcp://127.0.0.1:{listener.getsockname()[1]}", n=30) as episode:
        away.join()
        [process] = own()
        wait_until(lambda: len(process.net_connections("tcp")) <= 10, within=10)
    assert episode.receipt.counts == {"established": 30, "closed_by_peer": 20}


def test_connections_that_nobody_takes_are_an_error_with_the_reason(hogs: Hogs) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # and does not listen
        to = f"127.0.0.1:{bound.getsockname()[1]}"
        with pytest.raises(FaultDidNotBite, match=r"n=5\): 5 ECONNREFUSED: reached 0 established"):
            with hogs.connections(to, 5):
                pytest.fail("was struck")
        with (
            pytest.raises(FaultDidNotBite, match="took nothing: 5 ECONNREFUSED"),
            hogs.connections(to, 5, fall_short=True),
        ):
            pass


def test_a_handshake_that_is_not_answered_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_resilience.hogs.connections._CONNECT", 0.05)
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)  # takes one or two, and lets the rest wait
        host, port = full.getsockname()
        taker = ConnectionsTaker({"host": host, "port": port, "n": 8})
        while taker.step() == TAKING:
            pass
        assert "timed out" in taker.why
        taker.release()


def test_more_connections_than_one_address_has_ports_are_refused() -> None:
    hog = ConnectionsHog("127.0.0.1", 80, 60_000, fall_short=False, to="x")
    with pytest.raises(UsageError, match="one process can hold|ports to connect from"):
        hog.tasks("")


class Named:
    name, address = "shop", "127.0.0.1:8000"


def test_a_place_is_a_service_or_an_address(hogs: Hogs) -> None:
    assert aim(Named()) == ("127.0.0.1", 8000)
    assert aim("http://[::1]:80/x") == ("::1", 80)
    assert hogs.connections(Named()).name == "hogs.connections(shop)"
    with pytest.raises(TargetNotAllowed, match="example.org"):
        hogs.connections("example.org:80")


@pytest.mark.parametrize("to", ["127.0.0.1", "", ":80", "x:nonsense", 8000, None])
def test_no_place_is_refused(hogs: Hogs, to: object) -> None:
    with pytest.raises(UsageError, match=r"hogs.connections\("):
        hogs.connections(to)  # type: ignore[arg-type]


@pytest.mark.parametrize("n", [0, -1, 1.5, True, "9"])
def test_a_number_that_is_none_is_refused(hogs: Hogs, n: int) -> None:
    with pytest.raises(UsageError, match="expected a whole number, one or more"):
        hogs.connections("127.0.0.1:80", n)
    with pytest.raises(UsageError, match="expected a whole number, one or more"):
        hogs.descriptors(n)
    with pytest.raises(UsageError, match="expected a whole number, one or more"):
        hogs.io(workers=n)


def test_io_goes_on_until_it_is_healed(hogs: Hogs, tmp_path: Path) -> None:
    with hogs.io(workers=2, bytes=4 * MIB, path=tmp_path) as episode:
        assert len(own()) == 2
    counts = episode.receipt.counts
    assert int(counts["bytes_written"]) >= 8 * MIB
    assert counts["bytes_read"] == counts["bytes_written"]
    assert int(counts["flushes"]) * MIB == counts["bytes_written"]
    assert not own()
    assert not list(tmp_path.glob(".pytest-resilience-*"))


def test_a_taker_that_has_all_holds_it() -> None:
    taker = DescriptorsTaker({"n": 10, "root": "/"})
    while taker.step() == TAKING:
        pass
    assert taker.step() == HOLDING
    taker.release()
