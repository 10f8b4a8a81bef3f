"""The undos as lines: what is written is what is read."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_resilience.errors import JanitorError, UsageError
from pytest_resilience.janitor import (
    DeleteNamespace,
    DeleteTable,
    KillGroup,
    KillMarked,
    RemoveCgroup,
    RemoveContainers,
    RemoveDirectory,
    RemoveFaketime,
    RemoveSharedMemory,
    Unmount,
)
from pytest_resilience.janitor.undo import decode, encode

numbers = st.integers(min_value=0, max_value=2**63)
words = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True)
# Any bytes but NUL are a file name on Linux.
names = st.binary(min_size=1, max_size=20).map(lambda raw: os.fsdecode(raw.replace(b"\0", b"n").replace(b"/", b"s")))
paths = names.filter(lambda name: name not in (".", "..")).map(lambda name: Path("/tmp") / name)
groups = words.map(lambda name: Path(f"/sys/fs/cgroup/memory/pytest-resilience-{name}"))
undos = st.one_of(
    st.builds(KillGroup, numbers, numbers),
    st.builds(KillMarked, words),
    st.builds(RemoveContainers, words),
    st.builds(RemoveContainers, words, st.just("unix:///run/user/1000/docker.sock")),
    st.builds(RemoveDirectory, paths),
    st.builds(RemoveFaketime, numbers),
    st.builds(RemoveSharedMemory, paths),
    st.builds(RemoveCgroup, groups, paths),
    st.builds(Unmount, paths),
    st.builds(DeleteNamespace, words),
    st.builds(DeleteTable, words, words, st.none() | numbers),
)


@given(undos)
def test_every_undo_survives_being_written_and_read(undo):
    line = encode(undo)
    assert "\n" not in line
    assert decode(line) == undo


@given(undos)
def test_every_undo_says_in_words_what_it_does(undo):
    assert str(undo).split()[0] in {"kill", "remove", "unmount", "delete"}


@pytest.mark.parametrize(
    "line",
    [
        '{"kind": "LaunchMissiles", "pid": 3}',
        '{"kind": "KillGroup", "pid": 3}',
        '{"kind": "KillGroup", "pid": "3", "started": 1}',
        '{"kind": "KillGroup", "pid": true, "started": 1}',
        '{"kind": "KillGroup", "pid": 3, "started": 1, "gently": 1}',
        '{"kind": "RemoveDirectory", "path": "relative"}',
        '{"pid": 3}',
        "[]",
        "{",
    ],
)
def test_a_line_of_another_version_is_refused_by_name(line):
    with pytest.raises(JanitorError, match="no undo that this version"):
        decode(line)


@pytest.mark.parametrize("path", ["relative/path", "/", "/tmp/../etc"])
@pytest.mark.parametrize("undo", [RemoveDirectory, Unmount])
def test_a_path_that_may_not_be_ours_cannot_be_promised(undo, path):
    with pytest.raises(UsageError, match="absolute path"):
        undo(Path(path))


@pytest.mark.parametrize("word", ["", "-f", "a b", "a/b", "../x", "x\n", "x;y"])
def test_a_name_that_is_no_plain_word_cannot_be_promised(word):
    with pytest.raises(UsageError, match="is no name"):
        DeleteNamespace(word)
    with pytest.raises(UsageError, match="is no name"):
        DeleteTable("inet", word)


def test_only_the_docker_socket_of_this_host_is_spoken_to(monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "tcp://10.0.0.1:2375")
    with pytest.raises(UsageError, match="no Unix socket"):
        RemoveContainers("token")


def test_the_docker_socket_is_remembered_in_the_promise(monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "unix:///run/user/7/docker.sock")
    line = encode(RemoveContainers("token"))
    monkeypatch.delenv("DOCKER_HOST")
    assert json.loads(line)["host"] == "unix:///run/user/7/docker.sock"
    assert decode(line).host == "unix:///run/user/7/docker.sock"
