"""A response: what a service answered, as `check=` and `keep=` see it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Response:
    """One answer.

    :ivar status: the status code.
    :ivar head: the status line and headers, as they came.
    :ivar body: the body in bytes.
    """

    status: int
    head: bytes
    body: bytes

    @cached_property
    def headers(self) -> Mapping[str, str]:
        """The headers by lower-case name; those of the same name are joined with a comma."""
        return parse_headers(self.head)

    @property
    def text(self) -> str:
        """The body as UTF-8."""
        return self.body.decode()

    def json(self) -> object:
        """Return the body read as JSON.

        :raises ValueError: it is not JSON.
        """
        return json.loads(self.body)

    def __repr__(self) -> str:
        return f"<Response {self.status}, {len(self.body)} bytes>"


def parse_headers(head: bytes) -> dict[str, str]:
    """Return the headers of the last response that begins in `head`; a final one may follow informational ones."""
    blocks = head.decode("latin-1").split("\r\n\r\n")
    while len(blocks) > 1 and blocks[0].split(" ", 2)[1:2] and blocks[0].split(" ", 2)[1].startswith("1"):
        blocks.pop(0)
    headers: dict[str, str] = {}
    for line in blocks[0].split("\r\n")[1:]:
        name, colon, value = line.partition(":")
        if colon:
            key, value = name.strip().lower(), value.strip()
            headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return headers
