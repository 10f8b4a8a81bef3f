"""A pytest that is killed with SIGKILL while a hog takes, holds or gives back: soon all of it is free again."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from deaths import Inner, stop_all

HOGS = """
    import os, socket, time

    MIB = 1024 * 1024
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    here = os.environ["TMPDIR"]

    def say(words):
        os.write(1, f"<{words}>".encode())

    def test_hog(hogs):
        faults = {
            "cpu": lambda: hogs.cpu(nice=10),
            "memory": lambda: hogs.memory(bytes=200 * MIB),
            "disk": lambda: hogs.disk(bytes=200 * MIB, path=here),
            "descriptors": lambda: hogs.descriptors(15_000),
            "connections": lambda: hogs.connections("127.0.0.1:%d" % listener.getsockname()[1], 50),
            "io": lambda: hogs.io(bytes=8 * MIB, path=here),
        }
        make = faults[os.environ["HOG"]]
        until = time.monotonic() + 60
        while time.monotonic() < until:
            say("taking")
            with make():
                say("in force")
                time.sleep(float(os.environ["HOLDING"]))
                say("giving back")
"""
RESOURCES = ("cpu", "memory", "disk", "descriptors", "connections", "io")


def kill(place: Path, resource: str, words: str, holding: str) -> None:
    inner = Inner(place, HOGS, HOG=resource, HOLDING=holding)
    try:
        inner.await_words(words)
        inner.end(signal.SIGKILL)
        assert inner.process.returncode == -signal.SIGKILL, inner.said
        inner.must_vanish(within=5, about=f"{resource}, killed when it said {words}")
    finally:
        stop_all(inner)


@pytest.mark.parametrize("resource", RESOURCES)
def test_a_hog_whose_pytest_is_killed_is_gone(tmp_path: Path, resource: str) -> None:
    kill(tmp_path, resource, "<in force>", "30")


@pytest.mark.slow
@pytest.mark.parametrize("words", ["<taking>", "<giving back>"])
@pytest.mark.parametrize("resource", RESOURCES)
def test_a_hog_whose_pytest_is_killed_in_between_is_gone(tmp_path: Path, resource: str, words: str) -> None:
    kill(tmp_path, resource, words, "0")
