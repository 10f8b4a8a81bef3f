"""A host in a directory: what /proc and the control groups would say, to be rewritten while it is watched."""

from __future__ import annotations

from pathlib import Path

GIB = 1024**3


class FakeHost:
    """Files under `root` that `Host(root)` reads."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.memory(total=8 * GIB, left=6 * GIB)
        self.load(0.5)
        self.write("proc/self/cgroup", "0::/\n")
        self.write("proc/sys/fs/file-nr", "1000\t0\t100000\n")

    def memory(self, *, total: int, left: int) -> None:
        self.write("proc/meminfo", f"MemTotal: {total // 1024} kB\nMemFree: 0 kB\nMemAvailable: {left // 1024} kB\n")

    def load(self, average: float) -> None:
        self.write("proc/loadavg", f"{average:.2f} 0.00 0.00 1/100 1\n")

    def write(self, name: str, text: str) -> None:
        """Write a file as a whole: who reads it meanwhile sees the old one or the new one."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f"{path.name}.new")
        new.write_text(text)
        new.replace(path)
