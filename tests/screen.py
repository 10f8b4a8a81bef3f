"""A screen: what a terminal shows after the few control sequences that are used here."""

from __future__ import annotations

import re

TOKEN = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])|\x1b([D78])|(.)", re.DOTALL)


class Screen:
    """Rows of characters and a cursor; text goes on to the next row at the right edge."""

    def __init__(self, columns: int = 80, rows: int = 24) -> None:
        self.columns, self.rows = columns, rows
        self._gone: list[str] = []
        self._lines = [[" "] * columns for _ in range(rows)]
        self.x = self.y = 0
        self._saved = (0, 0)

    def feed(self, text: str) -> Screen:
        for numbers, command, single, char in TOKEN.findall(text):
            if char:
                self._put(char)
            elif single:
                self._single(single)
            else:
                self._command(numbers, command)
        return self

    @property
    def text(self) -> list[str]:
        """All rows, also those that have scrolled away, without the empty ones at the end."""
        lines = [*self._gone, *("".join(line).rstrip() for line in self._lines)]
        while lines and not lines[-1]:
            lines.pop()
        return lines

    def _put(self, char: str) -> None:
        if char == "\r":
            self.x = 0
        elif char == "\n":
            self._down()
        else:
            if self.x == self.columns:
                self.x = 0
                self._down()
            self._lines[self.y][self.x] = char
            self.x += 1

    def _down(self) -> None:
        if self.y < self.rows - 1:
            self.y += 1
            return
        self._gone.append("".join(self._lines.pop(0)).rstrip())
        self._lines.append([" "] * self.columns)

    def _single(self, command: str) -> None:
        if command == "D":
            self._down()
        elif command == "7":
            self._saved = (self.x, self.y)
        else:
            self.x, self.y = self._saved

    def _command(self, numbers: str, command: str) -> None:
        if command == "A":
            self.y = max(0, self.y - 1)
        elif command == "B":
            self.y = min(self.rows - 1, self.y + 1)
        elif command == "K":
            assert not numbers
            self._lines[self.y][self.x :] = [" "] * (self.columns - self.x)
        elif command != "m":  # colours do not move anything
            raise AssertionError(f"this screen does not know CSI {numbers}{command}")
