"""Room: whether this host has the descriptors and ports that held connections take."""

from __future__ import annotations

import math
from collections.abc import Callable

from pytest_resilience.errors import UsageError
from pytest_resilience.load.driver import limits, sources
from pytest_resilience.load.profile import Profile
from pytest_resilience.load.websocket import WebSocket


def check_room(
    what: WebSocket,
    profile: Profile,
    drivers: int,
    *,
    descriptors: Callable[[], int] = limits.allowed,
    ports: Callable[[], int] = sources.ports,
) -> None:
    """Raise `UsageError` if as many connections cannot be held from here.

    :param descriptors: how many connections one process can have.
    :param ports: how many connections one source address can have.
    """
    wanted = math.ceil(profile.peak)
    each, most = math.ceil(wanted / drivers), descriptors()
    if each > most:
        enough = math.ceil(wanted / most)
        raise UsageError(
            f"load({what!r}, users={profile!r}): {each:,} connections of one driver process need more open files than "
            f"its hard limit of {most + limits.SPARE:,} allows. Raise it (`ulimit -Hn`, LimitNOFILE= of systemd, "
            f"`docker run --ulimit nofile=...`), or share them: drivers={enough}"
        )
    # Addresses of loopback there are enough; any other host sees ours alone.
    host = "127.0.0.1" if what.address.host == "localhost" else what.address.host
    if wanted > ports() and not sources.has_many(host):
        raise UsageError(
            f"load({what!r}, users={profile!r}): from one address there can be at most {ports():,} connections to one "
            f"port, which is the ephemeral range of this host, and this wants {wanted:,}. Widen it "
            "(`sysctl net.ipv4.ip_local_port_range='1024 65535'`), or load from several machines"
        )
