"""Namespaces and firewall tables: gone, also when they were never there."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from pytest_resilience.errors import UndoFailed
from pytest_resilience.janitor import DeleteNamespace, DeleteTable
from pytest_resilience.waiting import wait_until

NAME = f"pytest-resilience-{os.getpid()}"
HANDLE = Path("/var/run/netns") / NAME
SBIN = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"


def tool(name):
    path = shutil.which(name, path=SBIN)
    if path is None:
        pytest.skip(f"`{name}` is not installed")
    return path


@pytest.fixture
def namespace(needs_root):
    done = subprocess.run([tool("ip"), "netns", "add", NAME], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"not allowed to make a network namespace: {done.stderr.strip()}")
    yield NAME
    subprocess.run([tool("ip"), "netns", "del", NAME], capture_output=True)


@pytest.fixture
def inhabitant(namespace):
    """A process in the namespace."""
    process = subprocess.Popen([tool("ip"), "netns", "exec", namespace, "sleep", "1000"])
    ours = Path("/proc/self/ns/net").readlink()
    wait_until(lambda: Path(f"/proc/{process.pid}/ns/net").readlink() != ours, within=5)
    yield process
    process.kill()
    process.wait()


def tables(process):
    shown = subprocess.run(
        [tool("nsenter"), "-t", str(process.pid), "-n", tool("nft"), "list", "tables"], capture_output=True, text=True
    )
    return shown.stdout


@pytest.fixture
def table(inhabitant):
    command = [tool("nsenter"), "-t", str(inhabitant.pid), "-n", tool("nft"), "add", "table", "inet", "ours"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"nft does not work here: {done.stderr.strip()}")
    return "ours"


def test_a_namespace_is_deleted_and_again(namespace):
    assert HANDLE.exists()
    DeleteNamespace(namespace).undo()
    assert not HANDLE.exists()
    DeleteNamespace(namespace).undo()


def test_a_half_made_namespace_is_deleted(namespace):
    subprocess.run(["umount", HANDLE], check=True)
    DeleteNamespace(namespace).undo()
    assert not HANDLE.exists()


def test_a_table_in_the_namespace_of_a_process_is_deleted_and_again(inhabitant, table):
    assert "table inet ours" in tables(inhabitant)
    undo = DeleteTable("inet", table, inhabitant.pid)
    undo.undo()
    assert tables(inhabitant) == ""
    undo.undo()


def test_a_table_went_with_the_process_whose_namespace_it_was_in():
    process = subprocess.Popen(["true"])
    process.wait()
    DeleteTable("inet", "ours", process.pid).undo()


def test_a_missing_tool_is_named(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(UndoFailed, match="no `nft` on PATH"):
        DeleteTable("inet", "ours").undo()


def test_a_refusal_is_told_in_the_words_of_nft(monkeypatch, tmp_path):
    fake = tmp_path / "nft"
    fake.write_text("#!/bin/sh\necho 'Error: Operation not permitted' >&2\nexit 1\n")
    fake.chmod(0o700)
    monkeypatch.setattr(shutil, "which", lambda *_, **__: str(fake))
    with pytest.raises(UndoFailed, match="Operation not permitted"):
        DeleteTable("inet", "ours").undo()


def test_the_namespace_of_a_killed_owner_is_gone(owner, namespace):
    one = owner(f"janitor.promise(DeleteNamespace({namespace!r})); say('ready'); rest()")
    one.hear()
    one.end(signal.SIGKILL)
    one.must_vanish()
    assert not HANDLE.exists()
