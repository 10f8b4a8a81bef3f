"""Launching: what a child gets, and what is refused."""

from __future__ import annotations

import os
import signal
import sys

import pytest

from pytest_resilience.errors import BackendUnavailable, UsageError
from pytest_resilience.janitor import KillGroup
from pytest_resilience.janitor.journal import read
from pytest_resilience.janitor.process import look


@pytest.fixture
def run(janitor, tmp_path):
    """Launch, wait for the end, and return what was written."""

    def launch(argv, **options):
        path = tmp_path / "output"
        child = janitor.launch(argv, output=path, **options)
        assert child.process.wait(10) == 0, path.read_text()
        child.promise.kept()
        return path.read_text()

    return launch


def python(code):
    return [sys.executable, "-S", "-c", code]


def test_a_child_is_in_the_journal_and_leads_its_session(janitor, state):
    child = janitor.launch(["sleep", "1000"])
    assert KillGroup(child.pid, child.started) in read(state / f"{janitor.token}.journal").outstanding.values()
    seen = look(child.pid)
    assert (seen.session, seen.group, seen.started) == (child.pid, child.pid, child.started)
    assert repr(child) == f"<Child {child.pid}: running>"
    janitor.close()
    assert child.process.returncode == -signal.SIGKILL
    assert repr(child) == f"<Child {child.pid}: ended with -9>"


def test_the_program_gets_its_arguments_as_they_are(run):
    odd = ["", "a b", "'", '"', "$HOME", "`x`", "new\nline", "-n", "\\", "ü"]
    assert run([*python("import sys; print(sys.argv[1:])"), *odd]) == f"{odd}\n"


def test_the_program_gets_the_environment_and_the_mark_and_nothing_of_ours(run, janitor, monkeypatch):
    monkeypatch.setenv("OURS", "1")
    given = {"PATH": os.environ["PATH"], "WORD": "a b\nc", "discovery.type": "single-node", "a-b": "$x"}
    shown = run(python("import os; print({k: v for k, v in os.environ.items()})"), env=given)
    found = eval(shown)
    assert {name: found.get(name) for name in given} == given
    assert found["PYTEST_RESILIENCE_RUN"] == janitor.token
    assert "OURS" not in found


def test_without_one_the_program_gets_our_environment(run, monkeypatch):
    monkeypatch.setenv("OURS", "1")
    assert run(["sh", "-c", "echo $OURS"]) == "1\n"


def test_stdin_is_empty(run):
    assert run(["cat"]) == ""


def test_output_is_appended_and_holds_both_streams(run, tmp_path):
    (tmp_path / "output").write_text("before\n")
    assert run(["sh", "-c", "echo out; echo err >&2"]) == "before\nout\nerr\n"


def test_output_may_be_a_descriptor(janitor):
    reader, writer = os.pipe()
    child = janitor.launch(["echo", "hello"], output=writer)
    os.close(writer)
    with os.fdopen(reader) as file:
        assert file.read() == "hello\n"
    assert child.process.wait(5) == 0


def test_the_working_directory_is_the_one_asked_for(run, tmp_path):
    assert run(["pwd"], cwd=tmp_path) == f"{tmp_path}\n"


def test_a_program_may_be_named_relative_to_its_working_directory(run, tmp_path):
    script = tmp_path / "tool"
    script.write_text("#!/bin/sh\necho here\n")
    script.chmod(0o700)
    assert run(["./tool"], cwd=tmp_path) == "here\n"


def test_descriptors_are_passed_only_when_asked(run):
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)
    code = "import os; print(sorted(int(n) for n in os.listdir('/proc/self/fd')))"
    try:
        assert writer not in eval(run(python(code)))
        assert f"{writer}" in run(python(code), pass_fds=[writer]).splitlines()[-1]
    finally:
        os.close(reader)
        os.close(writer)


@pytest.mark.parametrize(("restore", "ignored"), [(True, "False"), (False, "True")])
def test_sigxfsz_is_ignored_only_when_asked(run, restore, ignored):
    # Seen from a shell: Python sets it for itself.
    shown = run(["grep", "SigIgn", "/proc/self/status"], restore_signals=restore)
    mask = int(shown.split()[1], 16)
    assert str(bool(mask >> (signal.SIGXFSZ - 1) & 1)) == ignored


def test_a_program_that_is_not_there_is_refused_before_anything_starts(janitor, tmp_path):
    with pytest.raises(BackendUnavailable, match="no program 'no-such-program' on PATH"):
        janitor.launch(["no-such-program"])
    with pytest.raises(BackendUnavailable, match="does not exist"):
        janitor.launch([tmp_path / "none"])
    (tmp_path / "plain").write_text("")
    with pytest.raises(BackendUnavailable, match="is not executable"):
        janitor.launch([tmp_path / "plain"])
    with pytest.raises(BackendUnavailable, match="is not executable"):
        janitor.launch([tmp_path])
    with pytest.raises(BackendUnavailable, match="on PATH"):
        janitor.launch(["sleep"], env={"PATH": str(tmp_path)})
    assert janitor.close() == []


def test_no_program_and_no_directory_are_mistakes_of_the_caller(janitor, tmp_path):
    with pytest.raises(UsageError, match="argv is empty"):
        janitor.launch([])
    with pytest.raises(UsageError, match="is no directory"):
        janitor.launch(["true"], cwd=tmp_path / "none")


def test_a_launch_that_cannot_be_promised_leaves_no_process(janitor, monkeypatch, tmp_path):
    promised = []

    def refuse(undo):
        promised.append(undo)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(janitor, "promise", refuse)
    with pytest.raises(OSError, match="No space left"):
        janitor.launch(["touch", tmp_path / "ran"])
    assert look(promised[0].pid) is None
    assert not (tmp_path / "ran").exists()
