"""The reading half of HTTP/1.1: bytes in, heads and bodies out; no input or output of its own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus

_HEAD_LIMIT = 1 << 20
_BODY_LIMIT = 64 << 20
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VERSION = re.compile(r"HTTP/(\d)\.(\d)")
_HEX = re.compile(rb"[0-9a-fA-F]{1,15}")
_END_OF_HEAD = re.compile(rb"\n\r?\n")  # a line may end without CR
_NO_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_HOST = re.compile(r"[0-9A-Za-z!$%&()*+,\-.:;=\[\]'_~]*")
_NO_TARGET = re.compile(r"[\x00-\x20\x7f]|%(?![0-9a-fA-F]{2})")
_ABSOLUTE = re.compile(r"([A-Za-z][A-Za-z0-9+\-.]*:(?://[^/?]*)?)(/[^?]*)?(?:\?(.*))?")


class BadRequest(Exception):
    """What cannot be understood, and is answered in Go's words before the connection is closed."""

    def __init__(self, status: int, detail: str = "") -> None:
        self.status = status
        super().__init__(f"{status} {HTTPStatus(status).phrase}{f': {detail}' if detail else ''}")

    def answer(self) -> bytes:
        """Return the whole answer."""
        if self.status == 417:
            return f"HTTP/1.1 {self}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".encode("latin-1")
        head = f"HTTP/1.1 {self}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"
        return f"{head}{'Unsupported transfer encoding' if self.status == 501 else self}".encode("latin-1")


@dataclass(frozen=True)
class Target:
    """What a request is for, as it was written.

    :ivar origin: scheme and host where it was a whole URL.
    :ivar path: still with its %-escapes.
    :ivar query: what follows the question mark; None without one.
    """

    origin: str
    path: str
    query: str | None

    @classmethod
    def parse(cls, method: str, text: str) -> Target:
        """Read the middle of a request line.

        :raises BadRequest: it is neither a path nor a URL.
        """
        if _NO_TARGET.search(text):
            raise BadRequest(400)
        if method == "CONNECT" and not text.startswith("/"):
            return cls(f"//{text}", "", None)
        if text.startswith("/") or text == "*":
            path, mark, query = text.partition("?")
            return cls("", path, query if mark else None)
        whole = _ABSOLUTE.fullmatch(text)
        if whole is None:
            raise BadRequest(400)
        return cls(whole[1], whole[2] or "", whole[3])


@dataclass(frozen=True)
class Head:
    """The head of a request; names of headers in lower case.

    :ivar length: bytes of the body; None where it comes in chunks.
    """

    method: str
    target: Target
    version: str
    headers: dict[str, str]
    length: int | None

    @property
    def keeps_alive(self) -> bool:
        """Whether the connection outlives the answer."""
        wishes = {wish.strip().lower() for wish in self.headers.get("connection", "").split(",")}
        return "keep-alive" in wishes if self.version == "HTTP/1.0" else "close" not in wishes

    @property
    def expects_continue(self) -> bool:
        """Whether the client waits to be told that it may send the body.

        :raises BadRequest: it expects something else.
        """
        expected = self.headers.get("expect", "").lower()
        if expected not in {"", "100-continue"}:
            raise BadRequest(417)
        return expected != "" and self.length != 0


class Reader:
    """The bytes of one connection that have not been understood yet."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._chunks = bytearray()  # of the body that is being read
        self.ended = False

    @property
    def waiting(self) -> int:
        """How many bytes there are."""
        return len(self._bytes)

    def feed(self, data: bytes) -> None:
        """Take what came."""
        self._bytes += data

    def end(self) -> None:
        """Take note that nothing more will come."""
        self.ended = True

    def head(self) -> Head | None:
        """Return the next head; None while it is incomplete.

        :raises BadRequest: it is none.
        """
        found = _END_OF_HEAD.search(self._bytes)
        if (found.start() if found else len(self._bytes)) > _HEAD_LIMIT:
            raise BadRequest(431)
        if found is None:
            return None
        text = bytes(self._bytes[: found.start()]).decode("latin-1")
        del self._bytes[: found.end()]
        first, *lines = (line.removesuffix("\r") for line in text.split("\n"))
        parts = first.split(" ")
        version = _VERSION.fullmatch(parts[-1])
        if len(parts) != 3 or not _TOKEN.fullmatch(parts[0]) or version is None:
            raise BadRequest(400)
        if version[1] != "1":
            raise BadRequest(505, "unsupported protocol version")
        target = Target.parse(parts[0], parts[1])
        headers = _headers(lines)
        if parts[2] == "HTTP/1.1" and "host" not in headers:
            raise BadRequest(400, "missing required Host header")
        if not _HOST.fullmatch(headers.get("host", "")):
            raise BadRequest(400, "malformed Host header")
        return Head(parts[0], target, parts[2], headers, _length(headers))

    def body(self, head: Head) -> bytes | None:
        """Return the body that belongs to a head; None while it is incomplete.

        :raises BadRequest: it is too large, or its chunks are none.
        """
        if head.length is None:
            return self._chunked()
        if len(self._bytes) < head.length:
            return None
        body = bytes(self._bytes[: head.length])
        del self._bytes[: head.length]
        return body

    def _chunked(self) -> bytes | None:
        while (line := self._bytes.find(b"\r\n")) >= 0:
            size_text = bytes(self._bytes[:line]).split(b";")[0].strip()
            if not _HEX.fullmatch(size_text):
                raise BadRequest(400)
            size = int(size_text, 16)
            if len(self._chunks) + size > _BODY_LIMIT:
                raise BadRequest(413)
            if size == 0:
                return self._trailer(line)
            end = line + 2 + size + 2
            if len(self._bytes) < end:
                return None
            self._chunks += self._bytes[line + 2 : end - 2]
            del self._bytes[:end]
        return None

    def _trailer(self, line: int) -> bytes | None:
        end = self._bytes.find(b"\r\n\r\n", line)
        if end < 0:
            return None
        del self._bytes[: end + 4]
        body, self._chunks = bytes(self._chunks), bytearray()
        return body


def _headers(lines: list[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in _unfolded(lines):
        name, colon, value = line.partition(":")
        value = value.strip(" \t")
        if not colon or _NO_VALUE.search(value):
            raise BadRequest(400)
        if not _TOKEN.fullmatch(name):
            raise BadRequest(400, "invalid header name")
        name = name.lower()
        if name in headers and name in {"content-length", "host"} and headers[name] != value:
            raise BadRequest(400)
        headers.setdefault(name, value)
    return headers


def _unfolded(lines: list[str]) -> list[str]:
    """Return lines, each with those that continue it, which begin with a space."""
    whole: list[str] = []
    for line in lines:
        if line[:1] not in {" ", "\t"}:
            whole.append(line)
        elif whole:
            whole[-1] = f"{whole[-1].rstrip(' ')} {line.strip(' ')}"
        else:
            raise BadRequest(400)
    return whole


def _length(headers: dict[str, str]) -> int | None:
    encoding = headers.get("transfer-encoding")
    if encoding is not None:
        if encoding.lower() != "chunked":
            raise BadRequest(501)
        return None
    text = headers.get("content-length", "0")
    if not text.isascii() or not text.isdigit():
        raise BadRequest(400)
    if len(text) > 18 or int(text) > _BODY_LIMIT:
        raise BadRequest(413)
    return int(text)
