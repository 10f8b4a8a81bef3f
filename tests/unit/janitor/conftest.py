"""Owners in processes of their own, to be killed, and a look at what is left of them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pytest_resilience.errors import WaitTimeout
from pytest_resilience.janitor import Janitor
from pytest_resilience.janitor.kill import MARK
from pytest_resilience.janitor.process import environment, living
from pytest_resilience.janitor.sweep import sweep
from pytest_resilience.waiting import wait_until

PRELUDE = """
import os, signal, subprocess, sys, threading, time
from pathlib import Path
from pytest_resilience.janitor import *
for number in (signal.SIGHUP, signal.SIGINT):
    if signal.getsignal(number) is signal.SIG_IGN:  # as it is for all that a run in the background starts
        signal.signal(number, signal.SIG_DFL)
janitor = Janitor.start(directory=Path({state!r}))
def say(*words): print(*words, flush=True)
def rest(): time.sleep(60)
say(janitor.token, janitor.pid)
"""


class Owner:
    """A Python process that has a janitor and runs a script."""

    def __init__(self, state: Path, script: str) -> None:
        self.state = state
        self.process = subprocess.Popen(
            [sys.executable, "-c", PRELUDE.format(state=str(state)) + script],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        first = self.hear()
        self.token, self.janitor = first[0], int(first[1])

    def hear(self) -> list[str]:
        """Return the words of the next line that it says."""
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(f"the owner ended: {self.process.stderr.read()}")
        return line.split()

    def end(self, number: int) -> None:
        """Send it a signal and wait for its end."""
        self.process.send_signal(number)
        self.process.wait(10)

    @property
    def journal(self) -> Path:
        return self.state / f"{self.token}.journal"

    @property
    def directory(self) -> Path:
        return self.state / self.token

    def leftovers(self) -> list[str]:
        """Return what is left of it: marked processes, and what is in its state directory."""
        mark = f"{MARK}={self.token}".encode()
        pids = [process.pid for process in living() if mark in (environment(process.pid) or b"").split(b"\0")]
        return [str(pid) for pid in pids] + [path.name for path in self.state.iterdir()]

    def must_vanish(self, *, within: float = 5) -> None:
        """Wait until nothing is left of it."""
        try:
            wait_until(lambda: not self.leftovers(), within=within)
        except WaitTimeout:
            raise AssertionError(f"left of run {self.token} after {within} s: {self.leftovers()}") from None


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state directory of the test's own."""
    return tmp_path / "state"


@pytest.fixture
def owner(state: Path) -> Iterator[Callable[[str], Owner]]:
    """Start owners; what is left of them is ended with the test."""
    owners: list[Owner] = []

    def start(script: str) -> Owner:
        owners.append(Owner(state, script))
        return owners[-1]

    yield start
    for one in owners:
        if one.process.poll() is None:
            one.process.kill()
        one.process.wait()
        one.process.stdout.close()
        one.process.stderr.close()
    if owners:
        sweep(state)  # some tests kill the janitor process too


@pytest.fixture
def janitor(state: Path) -> Iterator[Janitor]:
    """A janitor of the test's own process."""
    with Janitor.start(directory=state) as one:
        yield one


@pytest.fixture
def needs_root() -> None:
    """Skip where mounts and namespaces are not allowed."""
    if os.geteuid() != 0:
        pytest.skip("needs root: mounting and network namespaces are not allowed to an ordinary user")
