"""Network namespaces: made and entered by the process that calls, which has to have one thread."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

_NEWNET = 0x40000000  # linux/sched.h
_NEWUSER = 0x10000000


def isolate() -> str:
    """Move this process into a new network namespace in which it is root.

    It becomes root of a new user namespace first, in which nothing but what is made there belongs to it. Where user
    namespaces are not allowed, root does without.

    :returns: "" or, where it is not allowed, why not.
    """
    uid, gid = os.geteuid(), os.getegid()
    try:
        _unshare(_NEWUSER | _NEWNET)
    except OSError as error:
        refusal = f"unshare --user --net: {error.strerror}"
        if uid != 0:
            return refusal
        try:
            _unshare(_NEWNET)
        except OSError as other:
            return f"{refusal}; unshare --net: {other.strerror}"
        return ""
    try:
        for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
            Path("/proc/self", name).write_text(text)
    except OSError as error:
        return f"unshare --user --net --map-root-user: {error}"
    return ""


def another() -> None:
    """Move this process into one more new network namespace, with the rights it has."""
    _unshare(_NEWNET)


def current() -> int:
    """Return a descriptor of the network namespace that this process is in; it keeps the namespace alive."""
    return os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def enter(namespace: int) -> None:
    """Move this process into the namespace of a descriptor."""
    libc = ctypes.CDLL(None, use_errno=True)
    _check(libc.setns(namespace, _NEWNET))


def _unshare(flags: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    _check(libc.unshare(flags))


def _check(status: int) -> None:
    if status:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
