"""What the host has no room for is told before the load begins, with what to do."""

from __future__ import annotations

import resource
from collections import Counter
from itertools import islice
from pathlib import Path

import pytest

from pytest_resilience.errors import UsageError
from pytest_resilience.janitor import Janitor
from pytest_resilience.load.driver import limits, sources
from pytest_resilience.load.prepare import prepare
from pytest_resilience.load.profile import ramp, steady
from pytest_resilience.load.room import check_room
from pytest_resilience.load.websocket import WebSocket

HERE = WebSocket("ws://127.0.0.1:9/chat")
THERE = WebSocket("ws://10.0.0.1:9/chat")


def check(what: WebSocket, users: float, drivers: int = 1) -> None:
    check_room(what, ramp(0, users, over=9), drivers, descriptors=lambda: 19_936, ports=lambda: 28_232)


@pytest.mark.parametrize(
    ("what", "users", "drivers"), [(HERE, 19_936, 1), (HERE, 30_000, 2), (HERE, 100_000, 6), (THERE, 28_232, 2)]
)
def test_what_fits_is_no_mistake(what: WebSocket, users: int, drivers: int) -> None:
    check(what, users, drivers)


def test_too_many_open_files_are_told_with_the_limit_and_the_ways_to_raise_it() -> None:
    with pytest.raises(UsageError, match=r"30,000 connections of one driver.*hard limit of 20,000.*ulimit.*drivers=2"):
        check(HERE, 30_000)


def test_too_few_ports_are_told_with_the_range_and_the_way_to_widen_it() -> None:
    with pytest.raises(UsageError, match=r"at most 28,232 connections.*wants 30,000.*ip_local_port_range"):
        check(THERE, 30_000, 2)


def test_the_limits_of_this_host_are_asked(load_janitor: Janitor) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard == resource.RLIM_INFINITY:
        pytest.skip("this host has no limit")
    assert limits.allowed() == hard - limits.SPARE
    with pytest.raises(UsageError, match="hard limit"):
        prepare(HERE, launcher=load_janitor, users=steady(hard))


@pytest.mark.parametrize(
    ("host", "connections", "share", "drivers", "expected"),
    [
        ("127.0.0.1", 100, 0, 1, []),
        ("127.0.0.1", 101, 0, 1, ["127.0.0.2", "127.0.0.3"]),
        ("127.0.0.1", 60, 0, 2, ["127.0.0.2"]),
        ("127.0.0.1", 60, 1, 2, ["127.0.0.3"]),
        ("127.0.0.1", 250, 2, 3, ["127.0.0.8", "127.0.0.9", "127.0.0.10"]),
        ("10.0.0.1", 250, 0, 1, []),
        ("::1", 250, 0, 1, []),
    ],
)
def test_connections_to_loopback_are_spread_over_addresses_that_no_other_driver_uses(
    host: str, connections: int, share: int, drivers: int, expected: list[str]
) -> None:
    assert sources.addresses(host, connections, share=share, drivers=drivers, each=100) == expected


def test_addresses_take_turns() -> None:
    assert Counter(islice(sources.taking_turns(["127.0.0.2", "127.0.0.3"]), 10)) == {
        ("127.0.0.2", 0): 5, ("127.0.0.3", 0): 5,
    }  # fmt: skip
    assert list(islice(sources.taking_turns([]), 2)) == [None, None]


def test_the_ephemeral_range_is_read_or_assumed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sources, "RANGE", tmp_path / "range")
    assert sources.ports() == 28_232
    (tmp_path / "range").write_text("1000\t1999\n")
    assert sources.ports() == 1000
