"""libfaketime: what lets one program have a clock of its own, without rights and without touching the host's.

It is loaded before the C library's own functions and answers `clock_gettime(CLOCK_REALTIME)` and its like instead of
them. A program that asks the kernel by itself (a static one, one in Go, one on musl) does not hear of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from pytest_resilience.errors import Unsupported, WaitTimeout
from pytest_resilience.services.sleep_library import NAME as SLEEP_NAME
from pytest_resilience.waiting import wait_until

NAME = "libfaketimeMT.so.1"
MACHINES = "a clock of its own can be had on x86_64 and aarch64 only"
# Where Debian, Fedora, Arch and `make install` put it.
_PLACES = (
    "/usr/lib/*/faketime",
    "/usr/lib64/faketime",
    "/usr/lib/faketime",
    "/usr/local/lib/*/faketime",
    "/usr/local/lib/faketime",
)
WHERE = tuple(
    f"/usr/{place}/faketime/{NAME}"
    for place in ("lib/x86_64-linux-gnu", "lib/aarch64-linux-gnu", "lib64", "lib", "local/lib")
)
ENABLING = "install it (Debian: apt-get install faketime; Fedora: dnf install libfaketime)"

TO_LOAD = 5.0  # seconds

# The monotonic clock and the times of files stay the real ones: time-outs last as long as they do, and Python does not
# take every compiled file for an old one. Without the last one, which the library thinks it needs under glibc, a wait
# on the monotonic clock would end at once. Set in every container from its beginning, where they mean nothing until the
# library is there, since the environment of a container cannot be changed later.
MANNERS: Mapping[str, str] = {
    "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    "NO_FAKE_STAT": "1",
    "FAKETIME_FORCE_MONOTONIC_FIX": "0",
}


def find_library() -> Path | None:
    """Return libfaketime on this host, None where it is not installed."""
    return next(_installed(), None)


def offset(seconds: float) -> str:
    """Return the words for a clock that is so many seconds ahead, or behind if negative.

    >>> offset(3600), offset(-0.5)
    ('+3600.000', '-0.500')
    """
    return f"{seconds:+.3f}"


def preloading(libraries: Sequence[Path], seconds: float, *, besides: str = "") -> tuple[str, ...]:
    """Return what stands before a command so that its clock, and its children's, is off by so many seconds.

    It is env(1), which has the clock of the host itself, and does not fork.

    :param besides: what is in LD_PRELOAD anyhow.
    """
    preload = ":".join([*map(str, libraries), *([besides] if besides else [])])
    settings = {**MANNERS, "LD_PRELOAD": preload, "FAKETIME": offset(seconds)}
    return ("env", *(f"{name}={value}" for name, value in settings.items()))


def must_have_loaded(name: str, pids: Callable[[], Sequence[int]]) -> None:
    """Return when all processes of a unit have the library, as far as can be seen from here.

    :param name: of the unit, for the message.
    :param pids: returns its processes.
    :raises Unsupported: one runs without it.
    """

    def without() -> list[int]:
        return [pid for pid in pids() if not _has_loaded(pid)]

    try:  # it may have been started just now, and not have come to its program yet
        wait_until(lambda: not without(), within=TO_LOAD, every=0.005)
    except WaitTimeout as error:
        raise Unsupported(
            f"{name}: process {', '.join(map(str, without()))} has not taken up libfaketime: a static program, or one "
            "whose C library is older than the library or musl; run one that is linked with glibc dynamically"
        ) from error


def is_sensible(seconds: object) -> bool:
    """Tell whether a clock can be off by so much: not by nothing, and by less than a hundred years."""
    return isinstance(seconds, int | float) and not isinstance(seconds, bool) and 0 < abs(seconds) < 3.2e9


def _installed() -> Iterator[Path]:
    for place in _PLACES:
        yield from sorted(Path("/").glob(f"{place.lstrip('/')}/{NAME}"))


def _has_loaded(pid: int) -> bool:
    try:
        maps = Path(f"/proc/{pid}/maps").read_text(errors="replace")
    except OSError:  # another user's, or it has just ended
        return True
    return NAME in maps and SLEEP_NAME in maps
