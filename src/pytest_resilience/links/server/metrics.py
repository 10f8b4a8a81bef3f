"""What `/metrics` shows, in the text format of Prometheus.

As in the real server, the bytes of a connection are added when it ends, and a proxy that is gone keeps
its counters.
"""

from __future__ import annotations

import asyncio
import os
import platform
import resource
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"

_PROC = Path("/proc/self")
_HANDLER = "promhttp_metric_handler_errors_total"
_HANDLER_HELP = "Total number of internal errors encountered by the promhttp metric handler."
_UNLIMITED = 1 << 64


@dataclass(frozen=True, order=True)
class Labels:
    """What a counter of bytes is of. In the order in which they are shown."""

    direction: str
    listener: str
    proxy: str
    upstream: str

    def __str__(self) -> str:
        return ",".join(f'{name}="{_escaped(value)}"' for name, value in vars(self).items())


@dataclass
class Metrics:
    """The counters of a server.

    :ivar received: bytes from the sender of a direction.
    :ivar sent: bytes to its receiver, of the connections that never failed to take some.
    """

    received: Counter[Labels] = field(default_factory=Counter)
    sent: Counter[Labels] = field(default_factory=Counter)

    def add(self, labels: Labels, *, received: int, sent: int | None) -> None:
        """Add what one connection carried in one direction; `sent=None`: sending failed."""
        self.received[labels] += received
        if sent is not None:
            self.sent[labels] += sent

    def text(self, *, proxy: bool, runtime: bool) -> str:
        """Return the page."""
        families = [_family(_HANDLER, _HANDLER_HELP, {'{cause="encoding"}': 0, '{cause="gathering"}': 0})]
        if runtime:
            families += _runtime()
        if proxy:
            for name, counts in (("received", self.received), ("sent", self.sent)):
                samples = {f"{{{labels}}}": float(counts[labels]) for labels in sorted(counts)}
                families.append(_family(f"toxiproxy_proxy_{name}_bytes_total", "", samples))
        return "".join(sorted(families))


def _runtime() -> list[str]:
    """Return what there is to say of the process. Of Go's runtime that is its name, which is not Go, and its tasks."""
    status = dict(line.split(":", 1) for line in (_PROC / "status").read_text().splitlines() if ":" in line)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    memory_limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    version = f"{platform.python_implementation()} {platform.python_version()}"
    gauges = {
        "go_goroutines": ("Number of tasks of the event loop.", len(asyncio.all_tasks())),
        "process_max_fds": (
            "Maximum number of open file descriptors.",
            resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        ),
        "process_open_fds": ("Number of open file descriptors.", sum(1 for _ in (_PROC / "fd").iterdir())),
        "process_resident_memory_bytes": ("Resident memory size in bytes.", _bytes(status["VmRSS"])),
        "process_start_time_seconds": ("Start time of the process since unix epoch in seconds.", _started()),
        "process_virtual_memory_bytes": ("Virtual memory size in bytes.", _bytes(status["VmSize"])),
        "process_virtual_memory_max_bytes": (
            "Maximum amount of virtual memory available in bytes.",
            _UNLIMITED if memory_limit == resource.RLIM_INFINITY else memory_limit,
        ),
    }
    return [
        _family(
            "go_info", "Information about the Go environment.", {f'{{version="{_escaped(version)}"}}': 1}, kind="gauge"
        ),
        _family(
            "process_cpu_seconds_total",
            "Total user and system CPU time spent in seconds.",
            {"": usage.ru_utime + usage.ru_stime},
        ),
        *(_family(name, text, {"": value}, kind="gauge") for name, (text, value) in gauges.items()),
    ]


def _family(name: str, text: str, samples: dict[str, float], *, kind: str = "counter") -> str:
    """Return a metric with its head; nothing where there is nothing to show."""
    if not samples:
        return ""
    lines = [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]
    lines += [f"{name}{labels} {_number(value)}" for labels, value in samples.items()]
    return "\n".join(lines) + "\n"


def _number(value: float) -> str:
    """Return a number with the fewest digits, as Go writes it: 190, 0.02, 1.23e+06."""
    if value == 0:
        return "0"
    shortest = next(text for places in range(18) if float(text := f"{value:.{places}e}") == float(value))
    mantissa, _, exponent = shortest.partition("e")
    if not -4 <= int(exponent) < 6:
        return f"{mantissa}e{exponent[0]}{abs(int(exponent)):02d}"
    return f"{float(value)!r}".removesuffix(".0")


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _bytes(kilobytes: str) -> int:
    return int(kilobytes.split(maxsplit=1)[0]) * 1024


def _started() -> float:
    ticks = int((_PROC / "stat").read_text().rpartition(")")[2].split()[19])
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + ticks / os.sysconf("SC_CLK_TCK")
