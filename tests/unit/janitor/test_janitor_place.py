"""Directories and mounts: gone, and nothing outside of them touched."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys

import pytest

from pytest_resilience.errors import UndoFailed
from pytest_resilience.janitor import RemoveDirectory, Unmount, mounts

MS_BIND = 4096


@pytest.fixture
def tree(tmp_path):
    path = tmp_path / "a tree"
    (path / "deep" / "deeper").mkdir(parents=True)
    (path / "deep" / "file").write_text("x")
    return path


@pytest.fixture
def mount(needs_root):
    """Mount a tmpfs, or another directory; whatever is left is unmounted."""
    libc = ctypes.CDLL(None, use_errno=True)
    made = []

    def mounted(path, source=None):
        path.mkdir(exist_ok=True)
        what = (b"tmpfs", b"tmpfs", 0, b"size=1m") if source is None else (os.fsencode(source), None, MS_BIND, None)
        if libc.mount(what[0], os.fsencode(path), *what[1:]):
            pytest.skip(f"not allowed to mount: {os.strerror(ctypes.get_errno())}")
        made.append(path)
        return path

    yield mounted
    for path in reversed(made):
        Unmount(path).undo()


def test_a_directory_is_removed_with_what_is_in_it_and_again(tree):
    RemoveDirectory(tree).undo()
    assert not tree.exists()
    RemoveDirectory(tree).undo()


def test_a_directory_whose_parent_is_gone_is_gone(tree):
    RemoveDirectory(tree / "none" / "none").undo()


def test_read_only_directories_are_removed_too(tree):
    (tree / "deep" / "deeper" / "file").write_text("x")
    (tree / "deep" / "deeper").chmod(0)
    (tree / "deep").chmod(0o500)
    # Root is above such rights until it gives up its capabilities, as this process of ours does.
    script = f"""
from pathlib import Path
from pytest_resilience.janitor import RemoveDirectory
RemoveDirectory(Path({str(tree)!r})).undo()
"""
    command = [sys.executable, "-c", script]
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("setpriv (util-linux) is not here, and root cannot be kept out without it")
        # The packages may lie where only root may look, so the right to read is left.
        command = ["setpriv", "--bounding-set=-all,+dac_read_search", "--inh-caps=-all", "--", *command]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert not tree.exists()


def test_a_link_in_it_is_removed_and_its_target_is_not(tree, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("x")
    (tree / "link").symlink_to(outside)
    RemoveDirectory(tree).undo()
    assert (outside / "file").read_text() == "x"


def test_a_link_in_its_place_is_refused(tree, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(tree)
    with pytest.raises(UndoFailed, match="no directory any more"):
        RemoveDirectory(link).undo()
    assert (tree / "deep" / "file").exists()


def test_a_mount_is_taken_off_and_the_directory_stays(tree, mount):
    mount(tree / "deep")
    (tree / "deep" / "inside").write_text("x")
    Unmount(tree / "deep").undo()
    assert (tree / "deep" / "file").read_text() == "x"
    assert mounts.mounts(tree) == []
    Unmount(tree / "deep").undo()


def test_mounts_over_one_another_are_all_taken_off(tree, mount):
    mount(tree)
    mount(tree)
    assert mounts.mounts(tree) == [tree, tree]
    Unmount(tree).undo()
    assert mounts.mounts(tree) == []


def test_a_mount_in_use_is_taken_off(tree, mount):
    mount(tree)
    user = subprocess.Popen(["sleep", "1000"], cwd=tree)
    try:
        Unmount(tree).undo()
        assert mounts.mounts(tree) == []
    finally:
        user.kill()
        user.wait()


def test_what_is_mounted_in_a_directory_is_never_emptied(tree, tmp_path, mount):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("x")
    mount(tree / "deep", outside)
    mount(tree / "deep" / "inner")
    RemoveDirectory(tree).undo()
    assert not tree.exists()
    assert (outside / "file").read_text() == "x"
    assert mounts.mounts(tmp_path) == []


def test_what_cannot_be_unmounted_is_not_removed(tree, monkeypatch):
    def refuse(path):
        raise PermissionError(1, "Operation not permitted", str(path))

    monkeypatch.setattr("pytest_resilience.janitor.place.mounts", lambda _: [tree / "deep"])
    monkeypatch.setattr("pytest_resilience.janitor.place.detach", refuse)
    with pytest.raises(UndoFailed, match="umount -l"):
        RemoveDirectory(tree).undo()
    assert (tree / "deep" / "file").exists()


def test_a_mount_of_a_killed_owner_is_gone(owner, mount, tree):
    one = owner(
        f"""
janitor.promise(Unmount(Path({str(tree)!r})))
subprocess.run(["mount", "-t", "tmpfs", "tmpfs", {str(tree)!r}], check=True)
janitor.launch(["sleep", "1000"], cwd=Path({str(tree)!r}))
say("ready"); rest()
"""
    )
    one.hear()
    assert mounts.mounts(tree) == [tree]
    one.end(signal.SIGKILL)
    one.must_vanish()
    assert mounts.mounts(tree) == []
