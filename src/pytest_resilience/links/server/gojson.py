"""JSON as Go's `encoding/json` reads and writes it, down to the words of its errors.

`first_value` is Go's Decoder: it takes the first value of a text and ignores what follows it.
Objects come back as lists of pairs, for Go looks at every occurrence of a key, in order.
"""

from __future__ import annotations

import json
import math
import re
import struct
from dataclasses import dataclass, field
from decimal import Decimal

_SPACE = re.compile(r"[ \t\r\n]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_STRING_RUN = re.compile(r'[^"\\\x00-\x1f]*')
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
_DEEPEST = 10_000  # levels of nesting, as in Go


class GoJsonError(ValueError):
    """A text that Go would refuse, in Go's words."""


@dataclass(frozen=True)
class Number:
    """A number as it was written."""

    text: str


@dataclass
class Object:
    """An object: all of its pairs in order, with doublets."""

    pairs: list[tuple[str, Value]] = field(default_factory=list)


Value = str | bool | None | Number | list["Value"] | Object


class _Reader:
    """A position in a text, and the errors of Go's scanner."""

    def __init__(self, body: bytes) -> None:
        self.text = body.decode("utf-8", "surrogateescape")
        self.at = 0

    def peek(self) -> str:
        """Return the next character that is no space; raise at the end of the text."""
        found = _SPACE.match(self.text, self.at)
        self.at = found.end() if found else self.at
        return self.here()

    def here(self) -> str:
        if self.at >= len(self.text):
            raise GoJsonError("unexpected EOF" if self.text.strip(" \t\r\n") else "EOF")
        return self.text[self.at]

    def refuse(self, where: str) -> GoJsonError:
        first = self.text[self.at].encode("utf-8", "surrogateescape")[0]
        special = {
            0x27: r"\'",
            0x22: '"',
            0x5C: r"\\",
            7: r"\a",
            8: r"\b",
            12: r"\f",
            10: r"\n",
            13: r"\r",
            9: r"\t",
            11: r"\v",
        }
        shown = special.get(first) or (f"\\x{first:02x}" if first < 0x20 or first == 0x7F else chr(first))
        if 0x80 <= first < 0xA1 or first == 0xAD:  # Go takes the byte for a code point, and these do not print
            shown = f"\\u{first:04x}"
        return GoJsonError(f"invalid character '{shown}' {where}")

    def word(self, word: str) -> bool | None:
        for place, letter in enumerate(word):
            if place and self.here() != letter:
                raise self.refuse(f"in literal {word} (expecting {letter!r})")
            self.at += 1
        return _WORDS[word]

    def number(self) -> Number:
        start = self.at
        if self.text[self.at] == "-":
            self.at += 1
            if self.here() not in "0123456789":
                raise self.refuse("in numeric literal")
        found = _NUMBER.match(self.text, start)
        self.at = found.end() if found else self.at
        rest = self.text[self.at : self.at + 1]
        written = self.text[start : self.at]
        if rest == "." and "." not in written and "e" not in written.lower():
            self.at += 1
            self.here()
            raise self.refuse("after decimal point in numeric literal")
        if rest and rest in "eE" and "e" not in written.lower():
            self.at += 1
            if self.here() in "+-":
                self.at += 1
                self.here()
            raise self.refuse("in exponent of numeric literal")
        return Number(written)

    def string(self) -> str:
        self.at += 1
        start = self.at
        while True:
            run = _STRING_RUN.match(self.text, self.at)
            self.at = run.end() if run else self.at
            char = self.here()
            if char == '"':
                self.at += 1
                return _unescaped(self.text[start : self.at - 1])
            if char != "\\":
                raise self.refuse("in string literal")
            self._escape()

    def _escape(self) -> None:
        self.at += 1
        char = self.here()
        if char not in 'bfnrt\\/"u':
            raise self.refuse("in string escape code")
        self.at += 1
        for _ in range(4 if char == "u" else 0):
            if self.here() not in "0123456789abcdefABCDEF":
                raise self.refuse(r"in \u hexadecimal character escape")
            self.at += 1

    def scalar(self) -> str | bool | Number | None:
        char = self.here()
        if char == '"':
            return self.string()
        if char in "-0123456789":
            return self.number()
        for word in _WORDS:
            if char == word[0]:
                return self.word(word)
        raise self.refuse("looking for beginning of value")

    def key(self) -> str:
        if self.peek() != '"':
            raise self.refuse("looking for beginning of object key string")
        key = self.string()
        if self.peek() != ":":
            raise self.refuse("after object key")
        self.at += 1
        return key


def _unescaped(raw: str) -> str:
    text: str = json.loads(f'"{raw}"') if "\\" in raw else raw
    # What is no Unicode (bytes that are no UTF-8, halves of surrogate pairs) Go replaces, one by one.
    return "".join("�" if "\ud800" <= char <= "\udfff" else char for char in text) if not text.isascii() else text


def first_value(body: bytes) -> Value:
    """Return the first JSON value of `body`.

    :raises GoJsonError: there is none, in the words of Go's Decoder.
    """
    reader = _Reader(body)
    stack: list[tuple[list[Value] | Object, str]] = []  # containers that are open, with the key they stand at
    while True:
        char = reader.peek()
        value: Value
        if char in "{[":
            if len(stack) >= _DEEPEST:
                raise GoJsonError("exceeded max depth")
            reader.at += 1
            opened: list[Value] | Object = Object() if char == "{" else []
            if reader.peek() != ("}" if char == "{" else "]"):
                stack.append((opened, reader.key() if isinstance(opened, Object) else ""))
                continue
            reader.at += 1
            value = opened
        else:
            value = reader.scalar()
        while stack:
            container, key = stack.pop()
            if isinstance(container, Object):
                container.pairs.append((key, value))
                closing, where = "}", "after object key:value pair"
            else:
                container.append(value)
                closing, where = "]", "after array element"
            char = reader.peek()
            if char == ",":
                reader.at += 1
                stack.append((container, reader.key() if isinstance(container, Object) else ""))
                break
            if char != closing:
                raise reader.refuse(where)
            reader.at += 1
            value = container
        else:
            return value


def dumps(value: object) -> str:
    """Return `value` as Go's Marshal writes it: no spaces, strings safe inside HTML, floats of 32 bits."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{dumps(key)}:{dumps(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(dumps, value)) + "]"
    if isinstance(value, float):
        return _float32(value)
    text = json.dumps(value, ensure_ascii=False)
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text


def _float32(value: float) -> str:
    """Return the fewest digits that are read back as the same 32-bit float."""
    exact = nearest_float32(value)
    digits = next(text for count in range(9) if nearest_float32(float(text := f"{exact:.{count}e}")) == exact)
    if exact == 0 or 1e-6 <= abs(exact) < 1e21:
        return format(Decimal(digits).normalize(), "f")
    mantissa, _, exponent = digits.partition("e")
    return f"{mantissa}e{exponent[0]}{int(exponent[1:]):0{1 if exponent[0] == '-' else 2}d}"


def nearest_float32(value: float) -> float:
    """Return the 32-bit float nearest to `value`; infinity where there is none."""
    try:
        (nearest,) = struct.unpack("<f", struct.pack("<f", value))
    except OverflowError:
        return math.copysign(math.inf, value)
    return float(nearest)
