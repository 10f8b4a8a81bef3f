"""The gate: starts a process that runs its program only after its undo has been written down."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_resilience.errors import BackendUnavailable, UsageError
from pytest_resilience.janitor.kill import MARK, KillGroup
from pytest_resilience.janitor.process import started

if TYPE_CHECKING:
    from pytest_resilience.janitor.janitor import Promise

# Waits for a line on stdin. If the owner dies before it has written down what to undo, the pipe
# ends, and so does the shell, without having run anything.
_GATE = 'read -r _ || exit 125; exec "$@" </dev/null'


@dataclass(frozen=True, eq=False)
class Child:
    """A process that leads a session of its own.

    :ivar process: the process, which is our child; its stdin is /dev/null.
    :ivar promise: its entry in the journal; `promise.kept()` once it and its group have ended.
    :ivar started: when it started, in clock ticks since the boot.
    """

    process: subprocess.Popen[bytes]
    promise: Promise
    started: int

    @property
    def pid(self) -> int:
        """Its pid, which is also the number of its group and session."""
        return self.process.pid

    def __repr__(self) -> str:
        status = self.process.poll()
        state = "running" if status is None else f"ended with {status}"
        return f"<Child {self.pid}: {state}>"


def launch(
    argv: Sequence[str | Path],
    *,
    promise: Callable[[KillGroup], Promise],
    token: str,
    env: Mapping[str, str],
    cwd: Path | None,
    output: Path | int | None,
    pass_fds: Sequence[int],
    restore_signals: bool,
    before: Callable[[int], object] | None,
) -> Child:
    """Start `argv` behind the gate, promise its undo, and open the gate. See `Janitor.launch`."""
    words = [os.fspath(word) for word in argv]
    if not words:
        raise UsageError("launch: argv is empty; name a program")
    if cwd is not None and not cwd.is_dir():
        raise UsageError(f"launch: cwd={str(cwd)!r} is no directory")
    words[0] = _program(words[0], env, cwd)
    # A shell drops variables whose names it cannot spell (`discovery.type`); env(1) carries them past it.
    spelled = {name: value for name, value in env.items() if name.isidentifier() and name.isascii()}
    unspelled = [f"{name}={value}" for name, value in env.items() if name not in spelled]
    carrier = ["/usr/bin/env", *unspelled] if unspelled else []
    with _opened(output) as stdout:
        process = subprocess.Popen(
            ["/bin/sh", "-c", _GATE, "sh", *carrier, *words],
            env={**spelled, MARK: token},
            cwd=cwd,
            stdin=subprocess.PIPE,
            stdout=stdout,
            stderr=subprocess.STDOUT,
            pass_fds=pass_fds,
            restore_signals=restore_signals,
            start_new_session=True,
        )
    return _let_through(process, promise, before)


def _let_through(
    process: subprocess.Popen[bytes],
    promise: Callable[[KillGroup], Promise],
    before: Callable[[int], object] | None,
) -> Child:
    gate, process.stdin = process.stdin, None
    if gate is None:
        raise UsageError("launch: the process was started without a gate")
    undo = KillGroup(process.pid, started(process.pid))
    promised: Promise | None = None
    try:
        if before is not None:
            before(process.pid)
        promised = promise(undo)
        gate.write(b"\n")
        gate.close()
    except BaseException:
        undo.undo()
        process.wait()
        with contextlib.suppress(BrokenPipeError):
            gate.close()
        if promised is not None:
            promised.kept()
        raise
    return Child(process, promised, undo.started)


@contextlib.contextmanager
def _opened(output: Path | int | None) -> Iterator[int]:
    if not isinstance(output, Path):
        yield subprocess.DEVNULL if output is None else output
        return
    descriptor = os.open(output, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _program(name: str, env: Mapping[str, str], cwd: Path | None) -> str:
    if "/" in name:
        path = (cwd or Path()) / name
        if path.is_file() and os.access(path, os.X_OK):
            return name
        wrong = "is not executable" if path.exists() else "does not exist"
        raise BackendUnavailable(f"the program {str(path)!r} {wrong}; install it or name another")
    found = shutil.which(name, path=env.get("PATH", os.defpath))
    if found is None:
        raise BackendUnavailable(f"there is no program {name!r} on PATH; install it or give its whole path")
    return found
