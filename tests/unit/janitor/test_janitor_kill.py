"""Killing: all of what is ours, also when its leader is dead, and nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from pytest_resilience.errors import UndoFailed
from pytest_resilience.janitor import KillGroup, KillMarked
from pytest_resilience.janitor import process as processes
from pytest_resilience.janitor.kill import MARK
from pytest_resilience.janitor.process import Process, await_end, end_all, lives, look
from pytest_resilience.waiting import wait_until


@pytest.fixture
def stranger():
    """A process that leads a session and is none of ours."""
    process = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    yield process
    process.kill()
    process.wait()


@pytest.fixture
def shell(janitor):
    """Launch a shell script that prints the pids it is to be judged by; return the child and them."""

    def launch(script, pids):
        path = janitor.directory / "said"
        child = janitor.launch(["sh", "-c", script], output=path)
        wait_until(lambda: path.exists() and len(path.read_text().split()) == pids, within=5, what="the pids")
        return child, [look(int(word)) for word in path.read_text().split()]

    return launch


def alive(process):
    return lives(process.pid, process.started)


def test_a_process_is_known_by_its_pid_and_its_start(stranger):
    seen = look(stranger.pid)
    assert seen.parent == os.getpid()
    assert seen.group == seen.session == stranger.pid
    assert lives(seen.pid, seen.started)
    assert not lives(seen.pid, seen.started + 1)


def test_a_zombie_has_ended(stranger):
    seen = look(stranger.pid)
    stranger.kill()
    await_end([seen], within=5)
    assert look(stranger.pid).state == "Z"
    assert not alive(seen)
    KillGroup(seen.pid, seen.started).undo()


def test_a_name_with_blanks_and_parentheses_is_read_over(tmp_path):
    odd = tmp_path / "a) S 1 (b"
    odd.symlink_to("/bin/sleep")
    process = subprocess.Popen([odd, "1000"])
    try:
        assert look(process.pid).parent == os.getpid()
    finally:
        process.kill()
        process.wait()


def test_a_pid_that_was_handed_on_to_a_stranger_is_left_alone(stranger):
    seen = look(stranger.pid)
    KillGroup(seen.pid, seen.started - 1).undo()
    assert alive(seen)


def test_a_pid_that_was_handed_on_to_another_run_is_left_alone():
    process = subprocess.Popen(["sleep", "1000"], start_new_session=True, env={MARK: "another"})
    try:
        KillGroup(process.pid, look(process.pid).started - 1).undo()
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()


def test_a_group_is_killed_with_all_its_members(shell):
    child, members = shell("sleep 1000 & echo $!; sleep 1000 & echo $!; wait", 2)
    KillGroup(child.pid, child.started).undo()
    assert not any(alive(member) for member in members)
    assert child.process.wait(5) == -signal.SIGKILL


def test_a_group_whose_leader_is_dead_is_killed(shell):
    child, members = shell("sleep 1000 & echo $!; sleep 1000 & echo $!; exit 0", 2)
    child.process.wait()
    assert look(child.pid) is None
    assert all(alive(member) for member in members)
    KillGroup(child.pid, child.started).undo()
    assert not any(alive(member) for member in members)


def test_a_stopped_group_is_killed(shell):
    child, members = shell("sleep 1000 & echo $!; kill -STOP $! $$", 1)
    KillGroup(child.pid, child.started).undo()
    assert not any(alive(member) for member in members)


def test_descendants_in_sessions_of_their_own_are_killed_with_the_group(shell):
    # As the backends of Postgres are; stopped ones cannot notice the death of their parent.
    child, members = shell("setsid sh -c 'echo $$; kill -STOP $$; true' & wait", 1)
    assert members[0].session != child.pid
    KillGroup(child.pid, child.started).undo()
    assert not alive(members[0])


def test_a_group_that_forks_as_fast_as_it_can_is_killed(janitor):
    child = janitor.launch(["sh", "-c", "while :; do sleep 1000 & sleep 0.001; done"])
    undo = KillGroup(child.pid, child.started)
    wait_until(lambda: len(undo._members()) > 10, within=10, what="some forks")
    undo.undo()
    assert undo._members() == []


def test_a_strangers_group_of_the_same_number_is_left_alone(stranger):
    # Its leader is gone, its members live on, and they do not carry a mark of ours.
    child = subprocess.Popen(
        ["sh", "-c", "sleep 1000 & echo $!; exit 0"], start_new_session=True, stdout=subprocess.PIPE
    )
    member = look(int(child.stdout.readline()))
    child.wait()
    child.stdout.close()
    try:
        KillGroup(child.pid, member.started - 100).undo()
        assert alive(member)
    finally:
        os.kill(member.pid, signal.SIGKILL)


def test_a_mark_is_found_wherever_the_process_went(janitor, shell):
    _, members = shell("setsid sh -c 'sleep 1000 & echo $!; exec sleep 1000' & echo $!; exit 0", 2)
    KillMarked(janitor.token).undo()
    assert not any(alive(member) for member in members)


def test_another_runs_mark_and_a_longer_one_are_not_ours():
    process = subprocess.Popen(["sleep", "1000"], env={MARK: "abcd", "OTHER": f"{MARK}=abc"})
    try:
        KillMarked("abc").undo()
        assert process.poll() is None
        KillMarked("abcd").undo()
        assert process.wait(5) == -signal.SIGKILL
    finally:
        process.kill()
        process.wait()


def test_a_shell_that_stands_in_our_directory_is_left_alone(janitor):
    process = subprocess.Popen(["sleep", "1000"], cwd=janitor.directory)
    try:
        KillMarked(janitor.token).undo()
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()


def test_nobody_kills_itself_or_its_ancestors():
    script = f"""
import os
from pytest_resilience.janitor import KillGroup, KillMarked
from pytest_resilience.janitor.process import started
if os.getpid() == os.getsid(0) and os.fork():
    os._exit(os.waitstatus_to_exitcode(os.wait()[1]))
KillGroup(os.getsid(0), started(os.getsid(0))).undo()
KillMarked("{"f" * 16}").undo()
print("alive")
"""
    env = {**os.environ, MARK: "f" * 16}
    done = subprocess.run(
        [sys.executable, "-c", script], env=env, start_new_session=True, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "alive\n"), done.stderr


def test_what_survives_sigkill_is_named(monkeypatch, stranger):
    monkeypatch.setattr(processes, "kill", lambda _: None)
    seen = look(stranger.pid)
    with pytest.raises(UndoFailed, match=f"all of it: {stranger.pid} still alive 0.05 s after SIGKILL"):
        end_all(lambda: [seen] if alive(seen) else [], "all of it", within=0.05)


def test_what_may_not_be_killed_is_named(monkeypatch, stranger):
    def refuse(process: Process) -> None:
        raise PermissionError(1, "no")

    monkeypatch.setattr(processes, "kill", refuse)
    with pytest.raises(UndoFailed, match=f"not allowed to kill {stranger.pid}"):
        end_all(lambda: [look(stranger.pid)], "all of it")


def test_a_kernel_without_process_handles_will_do(monkeypatch, shell):
    monkeypatch.delattr(os, "pidfd_open", raising=False)
    child, members = shell("sleep 1000 & echo $!; setsid sleep 1000 & echo $!; wait", 2)
    KillGroup(child.pid, child.started).undo()
    assert not any(alive(member) for member in members)


def test_a_run_inside_a_run_is_undone_by_its_own_janitor(janitor, tmp_path):
    script = f"""
import os, sys, time
from pathlib import Path
from pytest_resilience.janitor import Janitor
inner = Janitor.start(directory=Path({str(tmp_path / "inner")!r}))
print(inner.pid, inner.launch(["sleep", "1000"]).pid, flush=True)
time.sleep(60)
"""
    said = janitor.directory / "said"
    janitor.launch([sys.executable, "-c", script], output=said)
    wait_until(lambda: said.exists() and len(said.read_text().split()) == 2, within=10)
    inner = [look(int(word)) for word in said.read_text().split()]
    janitor.close()
    wait_until(lambda: not any(alive(one) for one in inner), within=5)
    assert list((tmp_path / "inner").iterdir()) == []
