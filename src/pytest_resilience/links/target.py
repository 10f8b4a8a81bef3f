"""A target: where a link leads to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from pytest_resilience.errors import UsageError


class Reachable(Protocol):
    """Something with a name and a URL, such as a service or another link."""

    @property
    def name(self) -> str:
        """How it is called."""

    @property
    def url(self) -> str:
        """Where it is reached."""


@dataclass(frozen=True)
class Target:
    """A host and a port, and how they were given.

    :ivar url: the URL; empty where only host and port were given.
    :ivar name: what the target is called; empty where it was given as text.
    """

    host: str
    port: int
    url: str = ""
    name: str = ""

    @property
    def address(self) -> str:
        """`host:port`, with brackets around an IPv6 host."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @classmethod
    def of(cls, to: Reachable | str) -> Target:
        """Return where a service, a URL or `host:port` is.

        :raises UsageError: it names no host and port.
        """
        url = to if isinstance(to, str) else getattr(to, "url", None)
        if not isinstance(url, str):
            raise UsageError(
                f"a link to {to!r}: expected a service, host:port, or a URL; this is of type {type(to).__name__}"
            )
        try:
            parts = urlsplit(url if "//" in url else f"//{url}")
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise UsageError(f"a link to {url!r}: {error}") from error
        if not host or port is None:
            raise UsageError(f"a link to {url!r}: expected a service, host:port, or a URL with host and port")
        return cls(host, port, url if "//" in url else "", "" if isinstance(to, str) else to.name)

    def by_way_of(self, address: str) -> str:
        """Return its URL with host and port replaced by `address`; user and password stay."""
        if not self.url:
            return f"tcp://{address}"
        parts = urlsplit(self.url)
        user, at, _ = parts.netloc.rpartition("@")
        return parts._replace(netloc=f"{user}{at}{address}").geturl()
