"""An address: where a URL points to."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from pytest_resilience.errors import UsageError

SECURE = {"https", "wss"}


@dataclass(frozen=True)
class Address:
    """Where a URL points to.

    :ivar target: the path and query, with what may not stand in a URL percent-encoded.
    :ivar secure: whether it is reached over TLS.
    """

    host: str
    port: int
    target: str
    secure: bool = False

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]


def parse(url: str, schemes: tuple[str, str]) -> Address:
    """Return where `url` points to.

    :param schemes: the plain one and the one over TLS.
    :raises UsageError: it has none of these, or no host.
    """
    plain, secure = schemes
    if not isinstance(url, str):
        raise UsageError(f"url={url!r}: expected a string such as '{plain}://127.0.0.1:8000/slots'")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"url={url!r}: {error}") from error
    if parts.scheme not in schemes or not parts.hostname:
        raise UsageError(
            f"url={url!r}: expected {plain}://host:port/path or {secure}://…; for any other protocol, load a function"
        )
    if parts.username is not None:
        raise UsageError(f"url={url!r}: put credentials into headers=, not into the URL")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    tls = parts.scheme in SECURE
    return Address(parts.hostname, (443 if tls else 80) if port is None else port, quoted(target), tls)


def quoted(target: str) -> str:
    """Return a path and query with what may not stand in a URL percent-encoded; what is encoded stays."""
    return quote(target, safe="%/:?#[]@!$&'()*+,;=~")


def joined(target: str, tail: str) -> str:
    """Return the target with what follows its path: before its query, which the tail's query follows."""
    path, _, query = target.partition("?")
    more, _, own = tail.partition("?")
    if path.endswith("/") and more.startswith("/"):
        path = path[:-1]
    queries = "&".join(one for one in (query, own) if one)
    return quoted(f"{path}{more}") + (f"?{quoted(queries)}" if queries else "")
