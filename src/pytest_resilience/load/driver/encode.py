"""Encoding: the bytes of a request."""

from __future__ import annotations

import json as jsonlib
from collections.abc import AsyncIterable, Callable, Iterable, Mapping
from typing import NamedTuple, cast

from pytest_resilience.errors import UsageError
from pytest_resilience.load.action import Call
from pytest_resilience.load.address import joined
from pytest_resilience.load.each import Each
from pytest_resilience.load.request import Request, Stream, check_headers


class Encoded(NamedTuple):
    """What is written to the connection."""

    payload: bytes
    """The head, and the body where it is known."""
    parts: Stream | None = None
    """The body where it comes part by part."""
    length: int | None = None
    """The bytes of all parts; None if they are sent in chunks."""


class Encoder:
    """Makes the bytes of one request for each call.

    :ivar constant: what every call sends, where that is the same.
    """

    def __init__(self, request: Request, *, share: int = 0, drivers: int = 1) -> None:
        """Take every `drivers`-th item of what is given as `each(...)`, from `share` on."""
        self._request = request
        self._path = _function(request.path, share, drivers)
        self._headers = _function(request.headers, share, drivers)
        self._json = _function(request.json, share, drivers)
        self._body = _function(request.body, share, drivers)
        self._length = _function(request.length, share, drivers)
        varied = (request.path, request.headers, request.json, request.body)
        streams = _streams(request.body)
        constant = not streams and not any(callable(part) or isinstance(part, Each) for part in varied)
        self.constant = self(Call(0, 0, 0)) if constant else None

    def __call__(self, call: Call) -> Encoded:
        """Return what is written for `call`.

        :raises UsageError: a function of the request returned what cannot be sent.
        """
        request = self._request
        headers = {"host": request.address.authority, "user-agent": "pytest-resilience", "accept": "*/*"}
        body: object = None
        if request.json is not None:
            headers["content-type"] = "application/json"
            body = jsonlib.dumps(self._json(call), separators=(",", ":")).encode()
        elif request.body is not None:
            body = self._body(call)
        given = self._headers(call)
        if given:
            given = cast("Mapping[str, str]", given)
            check_headers(given)
            headers.update((name.lower(), value) for name, value in given.items())
        if isinstance(body, str):
            body = body.encode()
        if _streams(body):
            length = cast("int | None", self._length(call))
            headers.update({"transfer-encoding": "chunked"} if length is None else {"content-length": str(length)})
            return Encoded(self._head(call, headers), cast("Stream", body), length)
        if body is not None and not isinstance(body, (bytes, bytearray, memoryview)):
            raise UsageError(
                f"{request!r}: body= gave a {type(body).__name__}, expected bytes, text, or parts of bytes"
            )
        body = bytes(body or b"")
        if body or request.method in {"POST", "PUT", "PATCH"}:
            headers["content-length"] = str(len(body))
        return Encoded(self._head(call, headers) + body)

    def _head(self, call: Call, headers: Mapping[str, str]) -> bytes:
        target = self._request.address.target
        if self._path is not _nothing:
            target = joined(target, str(self._path(call)))
        lines = [f"{self._request.method} {target} HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items())]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _nothing(_call: Call) -> object:
    """Give nothing."""
    return None


def _function(part: object, share: int, drivers: int) -> Callable[[Call], object]:
    """Return what gives the part for a call, whatever was given."""
    if part is None:
        return _nothing
    if isinstance(part, Each):
        following = part.dealt(share, drivers).__next__
        return lambda _call: following()
    if callable(part):
        return cast("Callable[[Call], object]", part)
    return lambda _call: part


def _streams(body: object) -> bool:
    """Tell whether the body comes in parts."""
    whole = (bytes, bytearray, memoryview, str, Mapping)
    return isinstance(body, (Iterable, AsyncIterable)) and not isinstance(body, whole)
