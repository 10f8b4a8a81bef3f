"""What a user sees of a run while it goes on: on a terminal, in a log, and where nothing is to be seen."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from screen import Screen

COLUMNS, ROWS = 400, 30  # so wide that no line is broken in the middle of what differs from run to run
BEGIN = "\x1b[B\r"  # where a line begins
SCENARIO = """
import os, sys
import pytest
from pytest_resilience import Receipt, fault
{head}
@fault
def broken():
    yield Receipt(parts=1)

def test_before(): pass

def test_load(load):
    with load(lambda: None, rate=200) as run:
        run.hold(0.6)
        with broken():
            print("said by the test")
            run.hold(0.6)
    {tail}

def test_after(): pass
"""
# The runs under test have lines more often than users do: a run of a second has to show what takes ten.
HURRIED = """
from pytest_resilience.report.display import Lines
Lines.apart, Lines.every = 0.2, 0.05
"""


def scenario(directory: Path, *, head: str = "", tail: str = "") -> Path:
    path = directory / "test_it.py"
    path.write_text(SCENARIO.format(head=head, tail=tail))
    (directory / "conftest.py").write_text(HURRIED)
    return path


def command(path: Path, *options: str) -> list[str]:
    return [
        sys.executable, "-m", "pytest", str(path), "--rootdir", str(path.parent), "-c", os.devnull,
        "--resilience-backend=process", "--resilience-seed=1", *options,
    ]  # fmt: skip


def on_a_terminal(path: Path, *options: str, term: str = "xterm", columns: int = COLUMNS, keys: bytes = b"") -> str:
    """Run pytest on a terminal of its own, and return everything that came there."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, columns, 0, 0))
    child = subprocess.Popen(
        command(path, *options),
        stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ, "TERM": term}, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    written = bytearray()
    try:
        while True:
            if keys and b"(Pdb)" in written:
                os.write(ours, keys)
                keys = b""
            written += os.read(ours, 65536)
    except OSError:  # the terminal ends with the last who has it open
        pass
    finally:
        os.close(ours)
        child.wait(30)
    return written.decode()


def in_a_log(path: Path, *options: str) -> str:
    done = subprocess.run(command(path, *options), capture_output=True, timeout=60, check=False)
    assert not done.stderr
    return done.stdout.decode()


def shown(text: str) -> list[str]:
    """Return what the line was, one time after the other."""
    return [part.partition("\x1b[K")[0] for part in text.split(BEGIN)[1:]]


def end(text: str, columns: int = COLUMNS) -> list[str]:
    """Return the screen at the end, without what differs from run to run."""
    rows = Screen(columns, ROWS).feed(text).text
    return [
        re.sub(r"[ =]*\d+ passed.* in .*", "passed", re.sub(r"p50.*", "...", row.replace(" (given)", "")))
        for row in rows
    ]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return scenario(tmp_path)


@pytest.mark.parametrize("options", [(), ("-q",), ("-vv", "--setup-show")], ids=str)
def test_on_a_terminal_a_line_lives_and_leaves_nothing(path: Path, options: tuple[str, ...]) -> None:
    text = on_a_terminal(path, *options)
    lines = shown(text)
    assert lines[-1] == ""  # cleared
    assert any(re.fullmatch(r"\d s(, \d s left)? \| -/s \| p50 .*errors 0% \| \d+ in flight \| <lambda>", one)
               for one in lines)  # fmt: skip
    assert any(" | broken | " in one for one in lines)
    assert end(text) == end(on_a_terminal(path, *options, "--resilience-progress=off"))
    assert "resilience: 0 s" not in text


def test_a_narrow_terminal_has_a_short_line(path: Path) -> None:
    lines = [line for line in shown(on_a_terminal(path, columns=20)) if line]
    assert lines and all(len(line) <= 19 and line.endswith("...") for line in lines)


@pytest.mark.parametrize(
    ("options", "term"),
    [(("-s",), "xterm"), (("--capture=tee-sys",), "xterm"), (("-o", "log_cli=true"), "xterm"), ((), "dumb")],
    ids=str,
)
def test_where_a_line_would_be_in_the_way_there_are_plain_ones(path: Path, options: tuple[str, ...], term: str) -> None:
    text = on_a_terminal(path, *options, term=term)
    assert not shown(text)
    assert re.search(r"\nresilience: \d s, \d s left \| .* \| <lambda>\r\n", text)
    assert "3 passed" in text


def test_off_shows_nothing(path: Path) -> None:
    for text in (on_a_terminal(path, "--resilience-progress=off"), in_a_log(path, "--resilience-progress=off")):
        assert not shown(text) and "in flight" not in text and "3 passed" in text


def test_on_shows_the_line_whatever_the_output_is(path: Path) -> None:
    assert any("in flight" in line for line in shown(in_a_log(path, "--resilience-progress=on")))
    assert any("in flight" in line for line in shown(on_a_terminal(path, "-s", "--resilience-progress=on")))


@pytest.mark.parametrize("options", [("-q",), ("-s",)], ids=str)
def test_a_log_has_plain_lines(path: Path, options: tuple[str, ...]) -> None:
    lines = in_a_log(path, *options).splitlines()
    told = [line for line in lines if line.startswith("resilience: ") and "in flight" in line]
    assert len(told) >= 2
    assert any(" | broken | " in line for line in told)
    assert "\x1b" not in "".join(lines)
    assert any("3 passed" in line for line in lines)


def test_a_short_run_has_no_line_in_a_log(path: Path) -> None:
    path.with_name("conftest.py").unlink()
    text = in_a_log(path)
    assert "in flight" not in text
    assert text.count("\n") == in_a_log(path, "--resilience-progress=off").count("\n")


@pytest.mark.parametrize("options", [("-p", "no:terminal"), ("-n1",)], ids=str)
def test_where_nobody_listens_nothing_is_said(path: Path, options: tuple[str, ...]) -> None:
    assert "in flight" not in in_a_log(path, *options)
    assert "in flight" not in on_a_terminal(path, *options)


def test_a_test_that_fails_is_reported_as_without(tmp_path: Path) -> None:
    path = scenario(tmp_path, tail="assert run.samples.errors, 'as it was meant'")
    text = on_a_terminal(path)
    assert "as it was meant" in text and "1 failed, 2 passed" in text
    captured = text.partition("Captured stdout call")[2]
    assert "said by the test" in captured and "in flight" not in captured.partition("resilience timeline")[0]


def test_an_async_hold_is_shown_too(tmp_path: Path) -> None:
    path = tmp_path / "test_it.py"
    path.write_text(
        """
import asyncio

def test_load(load):
    async def drive():
        async with load(lambda: None, users=3) as run:
            await run.ahold(0.8)

    asyncio.run(drive())
"""
    )
    lines = shown(on_a_terminal(path))
    assert any(re.search(r"^\d s, \d s left .* \| 3 users \| <lambda>$", line) for line in lines)
    assert lines[-1] == ""


def test_nothing_is_shown_to_somebody_who_debugs(tmp_path: Path) -> None:
    path = scenario(tmp_path, head="import time")
    source = path.read_text().replace('print("said by the test")', "run.hold(0.3); breakpoint()")
    path.write_text(source)
    text = on_a_terminal(path, keys=b"time.sleep(1)\nprint('awake')\ncontinue\n")
    typed = text.partition("(Pdb)")[2].partition("awake\r\n")[0]
    assert typed and not shown(typed)
    assert "3 passed" in text
    assert any(" | broken | " in line for line in shown(text))


def test_a_terminal_that_goes_away_harms_no_test(tmp_path: Path) -> None:
    path = scenario(tmp_path, tail="(__import__('pathlib').Path(__file__).parent / 'done').write_text('yes')")
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        command(path, f"--junit-xml={tmp_path / 'junit.xml'}"), stdin=subprocess.DEVNULL, stdout=theirs,
        stderr=subprocess.DEVNULL, env={**os.environ, "TERM": "xterm"}, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    written = b""
    while b"in flight" not in written:
        written += os.read(ours, 65536)
    os.close(ours)
    child.wait(60)
    assert (tmp_path / "done").read_text() == "yes"
