"""The resource limits of running processes (prlimit(2)). Only soft limits are changed, so that each can go back."""

from __future__ import annotations

import os
import resource
import subprocess
from contextlib import suppress

from pytest_resilience.errors import Unsupported
from pytest_resilience.janitor.process import PROC

_WORDS = {resource.RLIMIT_NOFILE: "nofile", resource.RLIMIT_AS: "as"}


def soft(pid: int, which: int) -> int | None:
    """Return a soft limit of a process, -1 for none; None when the process has gone.

    :raises Unsupported: it is another user's, and this one may not look.
    """
    name = {resource.RLIMIT_NOFILE: "Max open files", resource.RLIMIT_AS: "Max address space"}[which]
    try:
        lines = (PROC / str(pid) / "limits").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return None
    except PermissionError as error:
        raise Unsupported(f"the limits of process {pid} are another user's; run pytest as root") from error
    value = next((line[len(name) :].split()[0] for line in lines if line.startswith(name)), None)
    return None if value is None else -1 if value == "unlimited" else int(value)


def set_soft(pid: int, which: int, value: int) -> None:
    """Set a soft limit of a process, -1 for none; fine when the process has gone.

    :raises Unsupported: not allowed to.
    """
    with suppress(ProcessLookupError):
        try:
            _, hard = resource.prlimit(pid, which)
            resource.prlimit(pid, which, (value, hard))
        except PermissionError:
            _as_its_user(pid, which, value)


def _as_its_user(pid: int, which: int, value: int) -> None:
    # Root without CAP_SYS_RESOURCE may not, and the process's own user may (prlimit(2)).
    try:
        about = (PROC / str(pid)).stat()
    except FileNotFoundError:
        return
    words = ("prlimit", f"--pid={pid}", f"--{_WORDS[which]}={'unlimited' if value < 0 else value}:")
    if os.geteuid() != 0:
        raise Unsupported(f"process {pid} is user {about.st_uid}'s, whose limits this user may not change; be root")
    try:
        done = subprocess.run(
            words, user=about.st_uid, group=about.st_gid, extra_groups=[], capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise Unsupported(f"{' '.join(words)}: {error}; install util-linux") from error
    if done.returncode and (PROC / str(pid)).exists():
        raise Unsupported(
            f"{' '.join(words)}: {done.stderr.strip()}; the limits of user {about.st_uid}'s processes can be changed "
            "by root with the capability SYS_RESOURCE"
        )
