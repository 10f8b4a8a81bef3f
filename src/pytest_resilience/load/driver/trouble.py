"""Trouble: what it means that a connection could not be made, or was lost."""

from __future__ import annotations

import errno
import ssl

# What the driver's own host has run out of; the service never saw such a request.
OURS = {errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOBUFS, errno.ENOMEM}
KINDS = {errno.ECONNREFUSED: "refused", errno.ECONNRESET: "reset", errno.ETIMEDOUT: "timeout"}


def is_ours(error: Exception) -> bool:
    """Tell whether the driver's own host was the reason."""
    return isinstance(error, OSError) and error.errno in OURS and not isinstance(error, ssl.SSLError)


def category(error: Exception) -> str:
    """Return the category of failure."""
    if isinstance(error, (ssl.SSLError, ssl.CertificateError)):
        return "tls"
    if isinstance(error, (ConnectionResetError, ConnectionAbortedError, BrokenPipeError)):
        return "reset"  # asyncio raises these itself in a TLS handshake, without a number
    return KINDS.get(getattr(error, "errno", None) or 0, "unreachable")


def lost(error: Exception | None) -> str:
    """Return the category of failure of a request whose connection was lost.

    In TLS 1.3 a client is told that its certificate is not taken only after the handshake is complete.
    """
    return "tls" if isinstance(error, ssl.SSLError) else "reset"
