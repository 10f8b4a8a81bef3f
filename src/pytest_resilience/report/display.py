"""A display: where progress is shown, a line that is rewritten in place or now and then a plain one.

The line is written below the cursor, which stays where it was: what pytest has begun to write there (the file,
the dots of the tests) is not touched, and once the line is cleared, the screen is as if it had never been.
"""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Sequence
from typing import Literal, Protocol, TextIO

from pytest_resilience.report.progress import fit

Mode = Literal["auto", "on", "off"]

# Go down, which scrolls at the bottom of the screen, and up again: then there is a row below. Save the cursor.
OPEN = "\x1bD\x1b[A\x1b7\x1b[B\r"
SHUT = "\x1b[K\x1b8"  # clear to the end of the row; back to where the cursor was
CLEAR = "\x1b7\x1b[B\r\x1b[K\x1b8"
COLUMNS, ROWS = 80, 24  # of what does not tell


class Display(Protocol):
    """Shows lines of text, from one thread."""

    every: float
    """Seconds between two looks at the runs."""

    apart: float
    """Seconds of a run between two lines about it; 0 for one at each look."""

    def show(self, lines: Sequence[str]) -> None:
        """Show a line for each run, the newest last."""

    def clear(self) -> None:
        """Leave the screen as it was."""


class Outlet:
    """Where pytest writes to, kept for as long as it captures what the tests write there.

    :param stream: the terminal's stream, as it is while nothing is captured.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream: TextIO | None = stream
        self.fd: int | None = None
        self.encoding = getattr(stream, "encoding", None) or "utf-8"
        try:
            self.fd = os.dup(stream.fileno())  # the number itself leads to a file while a test runs
        except (AttributeError, ValueError, io.UnsupportedOperation):
            return  # it is in memory, such as that of a pytest within a pytest

    @property
    def terminal(self) -> bool:
        """Whether somebody is looking, at something on which a line can be rewritten."""
        return self.fd is not None and os.isatty(self.fd) and os.environ.get("TERM", "") not in {"", "dumb"}

    @property
    def size(self) -> tuple[int, int]:
        """Its columns and rows at this moment."""
        try:
            columns, rows = os.get_terminal_size(-1 if self.fd is None else self.fd)
        except OSError:
            columns, rows = 0, 0
        return columns or COLUMNS, rows or ROWS

    def write(self, text: str) -> None:
        """Write, without a buffer; once it is closed, nothing.

        :raises OSError: it is gone.
        """
        if self.fd is not None:
            data = text.encode(self.encoding, errors="replace")
            while data:
                data = data[os.write(self.fd, data) :]
        elif self._stream is not None:
            self._stream.write(text)
            self._stream.flush()

    def close(self) -> None:
        """Let it go."""
        fd, self.fd, self._stream = self.fd, None, None
        if fd is not None:
            os.close(fd)


class Line:
    """One line, rewritten in place."""

    every = 0.25
    apart = 0.0

    def __init__(self, outlet: Outlet) -> None:
        self._outlet, self._shown, self._hushed = outlet, False, False
        self._lock = threading.Lock()

    def show(self, lines: Sequence[str]) -> None:
        """Show the newest run, and how many there are besides."""
        columns, rows = self._outlet.size
        more = f"(+{len(lines) - 1}) " if len(lines) > 1 else ""
        with self._lock:
            if lines and rows > 1 and not self._hushed:
                # Not up to the last column: some terminals go on to the next row there.
                self._shown = True
                self._outlet.write(OPEN + fit(more + lines[-1], columns - 1) + SHUT)

    def clear(self) -> None:
        """Remove the line."""
        with self._lock:
            if self._shown:
                self._outlet.write(CLEAR)
            self._shown = False

    def hush(self, *, hushed: bool) -> None:
        """Remove the line, and show none for as long as somebody is typing."""
        self._hushed = hushed
        self.clear()


class Lines:
    """A plain line now and then, for a log: it shows that a long run is alive."""

    every = 1.0
    apart = 10.0

    def __init__(self, outlet: Outlet) -> None:
        self._outlet, self._wrote = outlet, False

    def show(self, lines: Sequence[str]) -> None:
        """Write them, on rows of their own."""
        if lines:
            before = "" if self._wrote else "\n"  # pytest has begun a row, and not ended it
            self._wrote = True
            self._outlet.write(before + "".join(f"resilience: {line}\n" for line in lines))

    def clear(self) -> None:
        """Let the next ones begin on a row of their own again."""
        self._wrote = False

    def hush(self, *, hushed: bool) -> None:
        """Do nothing: a plain line disturbs nobody who is typing."""


def display(mode: Mode, outlet: Outlet, *, alone: bool) -> Line | Lines:
    """Return the display for an option other than off.

    :param alone: whether only pytest writes there while a test runs: a line that others write through is none.
    """
    return Line(outlet) if mode == "on" or (outlet.terminal and alone) else Lines(outlet)
