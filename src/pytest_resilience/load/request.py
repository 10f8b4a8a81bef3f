"""A request: what is sent to a service over HTTP, and what counts as success."""

from __future__ import annotations

import math
from collections.abc import AsyncIterable, Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import TYPE_CHECKING, ClassVar, TypeAlias

from pytest_resilience.errors import UsageError
from pytest_resilience.load.address import Address, parse
from pytest_resilience.load.each import Each
from pytest_resilience.load.trust import Cert, Verify, check_trust

if TYPE_CHECKING:
    from pytest_resilience.load.action import Call
    from pytest_resilience.load.response import Response

Headers: TypeAlias = "Mapping[str, str] | Callable[[Call], Mapping[str, str]] | Each | None"
Stream: TypeAlias = "Iterable[bytes] | AsyncIterable[bytes]"
Body: TypeAlias = "bytes | str | Stream | Callable[[Call], bytes | str | Stream] | Each | None"
Tail: TypeAlias = "Callable[[Call], str] | Each | None"
Length: TypeAlias = "int | Callable[[Call], int] | None"
Check: TypeAlias = "Callable[[Response], object] | None"

OURS = frozenset({"content-length", "transfer-encoding"})


@dataclass(frozen=True)
class Request:
    """One HTTP request, sent over and over.

    :ivar url: where to: `http://` or `https://`, with a host. The path and query are sent as they are, and
        what may not stand in a URL is percent-encoded.
    :ivar method: the method, in capitals.
    :ivar path: what follows the URL's path, such as "/7" or "?page=2": a function of `call`, or `each(...)`. The
        samples keep the name of what all have in common.
    :ivar headers: added to Host, User-Agent, Accept and those of the body; a mapping, a function of `call`, or
        `each(...)`.
    :ivar json: a value to send as JSON, a function of `call` that returns one, or `each(...)`.
    :ivar body: bytes or text to send instead, a function of `call` that returns them, or `each(...)`. Where it gives
        an iterable of bytes (a generator function, plain or async), the parts are sent one by one, as fast as the
        service takes them, and only one is in memory.
    :ivar length: how many bytes such parts are in all, or a function of `call`; without it they are sent in chunks.
    :ivar expect: the status or statuses that are a success; None for any below 400.
    :ivar check: a function of the response; if it returns something false (None too) or raises, the request failed.
    :ivar keep: a function of the response; what it returns of a success is kept in `samples.returned`.
    :ivar deadline: seconds until it counts as failed ("timeout"); None for the run's own.
    :ivar name: what its samples are called; by default method and path, such as "GET /slots".
    :ivar verify: for `https://`: True to trust what the host trusts, the path of a file of certificates to trust
        those, False to trust anybody.
    :ivar cert: for a service that asks its clients who they are (mutual TLS): the path of a PEM file with a
        certificate and its key, or a tuple of the two files. The key has no passphrase.

    :raises UsageError: the URL, a header, the statuses or the deadline cannot be meant.
    """

    url: str
    _: KW_ONLY
    method: str = "GET"
    path: Tail = None
    headers: Headers = None
    json: object = None
    body: Body = None
    length: Length = None
    expect: int | Collection[int] | None = None
    check: Check = None
    keep: Check = None
    deadline: float | None = None
    name: str | None = None
    verify: Verify = True
    cert: Cert = None
    address: Address = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "address", parse(self.url, ("http", "https")))
        if not self.method.isalpha() or not self.method.isascii() or self.method != self.method.upper():
            raise UsageError(f"method={self.method!r}: expected a method in capitals, such as GET")
        self._check_body()
        check_path(self.path)
        if isinstance(self.headers, Mapping):
            check_headers(self.headers)
        if self.deadline is not None and not 0 < self.deadline < float("inf"):
            raise UsageError(f"deadline={self.deadline}: expected seconds, more than zero")
        if self.expect is not None:
            object.__setattr__(self, "expect", _statuses(self.expect))
        check_trust(self.verify, self.cert)
        for option in ("check", "keep"):
            if getattr(self, option) is not None and not callable(getattr(self, option)):
                raise UsageError(f"{option}={getattr(self, option)!r}: expected a function of the response")

    def _check_body(self) -> None:
        if self.json is not None and self.body is not None:
            raise UsageError(f"{self.method} {self.url}: give json= or body=, not both")
        if isinstance(self.body, Iterator):
            raise UsageError(
                f"body={self.body!r}: this could be sent only once; give the generator function, which takes the call"
            )
        if self.length is not None and not callable(self.length) and not 0 <= self.length < math.inf:
            raise UsageError(f"length={self.length!r}: expected the bytes of the body, or a function of the call")
        if self.length is not None and self.body is None:
            raise UsageError(f"{self.method} {self.url}: length= is for a body= that comes in parts, and there is none")

    @property
    def label(self) -> str:
        """What its samples are called."""
        return self.name or f"{self.method} {self.address.path}"

    def expects(self, status: int) -> bool:
        """Tell whether `status` is a success."""
        if self.expect is None:
            return status < 400
        return isinstance(self.expect, Collection) and status in self.expect

    def __repr__(self) -> str:
        return f"<{self.method} {self.url}>"


class _Bare(Request):
    """A request without a body, named by its method."""

    verb: ClassVar[str]

    def __init__(
        self,
        url: str,
        *,
        path: Tail = None,
        headers: Headers = None,
        expect: int | Collection[int] | None = None,
        check: Check = None,
        keep: Check = None,
        deadline: float | None = None,
        name: str | None = None,
        verify: Verify = True,
        cert: Cert = None,
    ) -> None:
        super().__init__(
            url, method=self.verb, path=path, headers=headers, expect=expect, check=check, keep=keep,
            deadline=deadline, name=name, verify=verify, cert=cert,
        )  # fmt: skip


class _Laden(Request):
    """A request with a body, named by its method."""

    verb: ClassVar[str]

    def __init__(
        self,
        url: str,
        *,
        path: Tail = None,
        json: object = None,
        body: Body = None,
        length: Length = None,
        headers: Headers = None,
        expect: int | Collection[int] | None = None,
        check: Check = None,
        keep: Check = None,
        deadline: float | None = None,
        name: str | None = None,
        verify: Verify = True,
        cert: Cert = None,
    ) -> None:
        super().__init__(
            url, method=self.verb, path=path, json=json, body=body, length=length, headers=headers, expect=expect,
            check=check, keep=keep, deadline=deadline, name=name, verify=verify, cert=cert,
        )  # fmt: skip


class Get(_Bare):
    """A GET; the arguments are those of `Request`."""

    verb = "GET"


class Delete(_Bare):
    """A DELETE; the arguments are those of `Request`."""

    verb = "DELETE"


class Post(_Laden):
    """A POST; the arguments are those of `Request`."""

    verb = "POST"


class Put(_Laden):
    """A PUT; the arguments are those of `Request`."""

    verb = "PUT"


class Patch(_Laden):
    """A PATCH; the arguments are those of `Request`."""

    verb = "PATCH"


def check_headers(headers: Mapping[str, str]) -> None:
    """Raise `UsageError` for headers that would break the request or that the driver sets itself."""
    for name, value in headers.items():
        if not isinstance(name, str) or not isinstance(value, str) or any(c in name + value for c in "\r\n\0"):
            raise UsageError(f"header {name!r}: {value!r}: expected two strings without line breaks")
        if not name or not name.isascii() or any(c in name for c in ": \t"):
            raise UsageError(f"header {name!r}: this cannot be the name of a header")
        if name.lower() in OURS:
            raise UsageError(f"header {name!r}: the driver sets it from the body; leave it out")


def _statuses(expect: int | Collection[int]) -> frozenset[int]:
    statuses = frozenset((expect,) if isinstance(expect, int) else expect)
    if not statuses or not all(isinstance(status, int) and 200 <= status <= 599 for status in statuses):
        raise UsageError(f"expect={expect!r}: expected a status or a set of statuses between 200 and 599")
    return statuses


def check_path(path: Tail) -> None:
    """Raise `UsageError` for what follows a URL's path and is always the same."""
    if path is not None and not callable(path) and not isinstance(path, Each):
        raise UsageError(f"path={path!r}: it is for what differs from call to call; put the rest into the URL")
