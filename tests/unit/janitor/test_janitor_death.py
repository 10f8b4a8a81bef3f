"""The owner dies, in every way: nothing of it is left."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from pytest_resilience.errors import JanitorError
from pytest_resilience.janitor.process import lives, look
from pytest_resilience.waiting import wait_until

BUSY = """
for _ in range(3):
    janitor.launch(["sleep", "1000"])
(janitor.directory / "deep").mkdir()
(janitor.directory / "deep" / "file").write_text("x")
"""

ESCAPES = """
stopped = janitor.launch(["sleep", "1000"])
os.kill(stopped.pid, signal.SIGSTOP)
# A child that goes to a session of its own and whose parents are gone: a daemon.
janitor.launch(["sh", "-c", "(setsid sh -c 'sleep 1000 & kill -STOP $!; sleep 1000' &) ; exit 0"]).process.wait()
# A leader that is dead while its group lives on.
janitor.launch(["sh", "-c", "sleep 1000 & sleep 1000 & exit 0"]).process.wait()
# A child with another mark of its own and no environment but that.
janitor.launch(["sh", "-c", "env -i sleep 1000 & sleep 1000"])
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGABRT, signal.SIGINT])
def test_nothing_is_left_of_an_owner_that_a_signal_ends(owner, number):
    one = owner(BUSY + "say('ready'); rest()")
    one.hear()
    assert len(one.leftovers()) >= 3 + 2
    one.end(number)
    one.must_vanish()


@pytest.mark.parametrize("end", ["sys.exit(3)", "raise ValueError", "os._exit(1)", "os.execv('/bin/true', ['true'])"])
def test_nothing_is_left_of_an_owner_that_ends_by_itself(owner, end):
    one = owner(BUSY + end)
    one.process.wait(10)
    one.must_vanish()


def test_stopped_processes_daemons_and_orphans_are_gone_too(owner):
    one = owner(ESCAPES + "say('ready'); rest()")
    one.hear()
    wait_until(lambda: len(one.leftovers()) >= 8, within=5, what="all of them to run")
    one.end(signal.SIGKILL)
    one.must_vanish()


def test_a_child_that_cleared_its_environment_goes_with_its_group(owner):
    one = owner("child = janitor.launch(['sh', '-c', 'env -i sleep 1000 & echo $!; wait'], output=1); rest()")
    pid = int(one.hear()[0])
    process = look(pid)
    one.end(signal.SIGKILL)
    wait_until(lambda: not lives(pid, process.started), within=5)


def test_a_daemon_that_wrote_over_its_environment_is_known_by_its_directory(owner):
    one = owner(
        "janitor.launch(['sh', '-c', '(setsid env -i sleep 1000 & echo $!); exit 0'], output=1, "
        "cwd=janitor.directory).process.wait(); rest()"
    )
    pid = int(one.hear()[0])
    process = look(pid)
    one.end(signal.SIGKILL)
    wait_until(lambda: not lives(pid, process.started), within=5)


def test_a_fork_of_the_owner_that_lives_on_does_not_keep_the_janitor_from_its_work(owner):
    one = owner(BUSY + "fork = os.fork()\nif not fork: rest()\nsay(fork)\nrest()")
    fork = int(one.hear()[0])
    try:
        one.end(signal.SIGKILL)
        one.must_vanish()
    finally:
        os.kill(fork, signal.SIGKILL)


def test_a_fork_undoes_nothing_when_it_ends_and_cannot_promise(owner):
    one = owner(
        BUSY
        + """
child = janitor.launch(["sleep", "1000"])
from multiprocessing import get_context
from pytest_resilience.errors import JanitorError
def work(tell):
    try: janitor.promise(KillMarked("x"))
    except JanitorError as error: tell.put(str(error))
    tell.put(janitor.close())
    child.promise.kept()
context = get_context("fork")
tell = context.Queue()
process = context.Process(target=work, args=(tell,))
process.start()
refusal, closed = tell.get(), tell.get()
process.join()
say("was forked from" in refusal, closed == [], child.process.poll() is None, child.promise.outstanding)
rest()
"""
    )
    assert one.hear() == ["True", "True", "True", "True"]
    one.end(signal.SIGKILL)
    one.must_vanish()


def test_signals_that_end_a_terminal_session_do_not_end_the_janitor(owner):
    one = owner(BUSY + "say('ready'); rest()")
    one.hear()
    # Its own handlers are up a few milliseconds after it started.
    wait_until(lambda: ignores(one.janitor, signal.SIGHUP), within=5)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(one.janitor, number)
    assert look(one.janitor).session != look(one.process.pid).session
    os.killpg(one.process.pid, signal.SIGINT)
    one.process.wait(10)
    one.must_vanish()


def test_a_killed_janitor_is_replaced_by_the_next_promise(owner):
    one = owner(
        BUSY
        + """
os.kill(janitor.pid, signal.SIGKILL)
while Path(f"/proc/{janitor.pid}/stat").read_text().split()[2] != "Z": time.sleep(0.001)
before = janitor.pid
janitor.launch(["sleep", "1000"])
say(before, janitor.pid); rest()
"""
    )
    before, after = one.hear()
    assert before != after
    one.end(signal.SIGKILL)
    one.must_vanish()


def test_a_janitor_that_does_not_come_up_is_an_error_that_says_why(janitor, monkeypatch, tmp_path):
    from pytest_resilience.janitor import KillMarked, keeper

    broken = tmp_path / "broken.py"
    broken.write_text("raise SystemExit('the disk is made of cheese')")
    monkeypatch.setattr(keeper, "_PROGRAM", broken)
    os.kill(janitor.pid, signal.SIGKILL)

    def fails():
        try:
            janitor.promise(KillMarked("nobody")).kept()
        except JanitorError as error:
            return str(error)
        return ""

    assert "made of cheese" in wait_until(fails, within=10)
    monkeypatch.undo()


def test_an_owner_that_dies_before_the_gate_is_open_leaves_a_program_that_never_ran(owner, tmp_path):
    ran = tmp_path / "ran"
    one = owner(
        f"""
journaled = type(janitor).promise
def die(self, undo): os.kill(os.getpid(), signal.SIGKILL)
type(janitor).promise = die
janitor.launch(["touch", {str(ran)!r}])
"""
    )
    one.process.wait(10)
    one.must_vanish()
    assert not ran.exists()


def test_the_janitor_holds_no_descriptor_of_its_owner(owner):
    one = owner("say('ready'); rest()")
    one.hear()
    home = Path(f"/proc/{one.janitor}")

    # By their numbers: to the kernel's words, a file that was given its name later has none.
    files = {path.stat().st_ino: str(path) for path in (one.journal, one.journal.with_suffix(".log"))}

    def held():
        names = ((entry.stat().st_ino, str(entry.readlink())) for entry in (home / "fd").iterdir())
        return sorted(files.get(number, name.split(":")[0]) for number, name in names)

    own = sorted(["socket", "/dev/null", *files.values()])
    # While it comes up it reads its modules.
    wait_until(lambda: (home / "cwd").readlink() == Path("/"), within=5, what="it to be up")
    wait_until(lambda: held() == own, within=5, on=(FileNotFoundError,), what=f"{own} and no more")


def test_twenty_services_are_gone_within_three_seconds(owner):
    one = owner("for _ in range(20): janitor.launch(['sleep', '1000'])\nsay('ready'); rest()")
    one.hear()
    one.end(signal.SIGKILL)
    one.must_vanish(within=3)


def ignores(pid: int, number: int) -> bool:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    mask = next(int(line.split()[1], 16) for line in lines if line.startswith("SigIgn"))
    return bool(mask >> (number - 1) & 1)
