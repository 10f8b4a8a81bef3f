"""Addresses as Go's `net` package reads them, and the words of its errors."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import re
import socket

_NUMBERS = re.compile(r"[0-9.]+|0[xX][0-9a-fA-F.xX]*")  # what C's libraries, not Go, take for an IPv4 address


class AddressError(Exception):
    """An address that Go would refuse, in Go's words."""


def split(address: str) -> tuple[str, str]:
    """Return host and port of `host:port`, `[v6]:port` or `:port`.

    :raises AddressError: it is none of these.
    """
    colon = address.rfind(":")
    if colon < 0:
        raise AddressError(f"address {address}: missing port in address")
    brackets_from = host_from = 0
    if address.startswith("["):
        end = address.find("]")
        if end < 0:
            raise AddressError(f"address {address}: missing ']' in address")
        if end + 1 != colon:
            many = address[end + 1 : end + 2] == ":"
            raise AddressError(f"address {address}: {'too many colons' if many else 'missing port'} in address")
        host, host_from, brackets_from = address[1:end], 1, end + 1
    else:
        host = address[:colon]
        if ":" in host:
            raise AddressError(f"address {address}: too many colons in address")
    if "[" in address[host_from:]:
        raise AddressError(f"address {address}: unexpected '[' in address")
    if "]" in address[brackets_from:]:
        raise AddressError(f"address {address}: unexpected ']' in address")
    return host, address[colon + 1 :]


def join(host: str, port: int) -> str:
    """Return `host:port`, with brackets around a host that has colons."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def port_number(port: str) -> int:
    """Return the number of a port that may be a name; an empty one is 0."""
    digits = port[1:] if port[:1] in ("+", "-") else port
    if not digits.isascii() or not digits.isdigit():
        if not port:
            return 0
        try:
            return socket.getservbyname(port, "tcp")
        except OSError:
            raise AddressError(f"lookup tcp/{port}: unknown port") from None
    number = int(port)
    if not 0 <= number <= 65535:
        raise AddressError(f"address {port}: invalid port")
    return number


async def resolve(address: str) -> list[tuple[str, int]]:
    """Return the (host, port) pairs that `address` stands for, IPv4 first; an empty host is any.

    :raises AddressError: it cannot be read, or its host is not known.
    """
    if not address:
        return [("", 0)]
    host, port = split(address)
    number = port_number(port)
    if not host:
        return [("", number)]
    try:
        return [(str(ipaddress.ip_address(host)), number)]
    except ValueError:
        pass  # a name, which to Go `127.1` is as well
    try:
        if _NUMBERS.fullmatch(host):
            raise OSError(host)
        found = await asyncio.get_running_loop().getaddrinfo(host, number, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise AddressError(f"lookup {host}: no such host") from None
    found.sort(key=lambda info: info[0] != socket.AF_INET)
    return [(str(info[4][0]), number) for info in found]


async def listen(address: str) -> socket.socket:
    """Return a listening socket at `address`, as Go's `net.Listen("tcp", address)` makes it.

    :raises AddressError: it cannot be bound, in Go's words.
    """
    try:
        host, port = (await resolve(address))[0]
    except AddressError as error:
        raise AddressError(f"listen tcp: {error}") from None
    anywhere = host in {"", "0.0.0.0", "::"}  # noqa: S104  the caller's own choice; nothing here defaults to it
    family = socket.AF_INET6 if ":" in host or (anywhere and socket.has_dualstack_ipv6()) else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if anywhere else 1)
            listener.bind(("::" if anywhere else host, port))
        else:
            listener.bind(("0.0.0.0" if anywhere else host, port))  # noqa: S104  as above
        listener.listen(4096)
    except OSError as error:
        listener.close()
        raise AddressError(f"listen tcp {join(host, port)}: bind: {words(error)}") from None
    return listener


def words(error: OSError) -> str:
    """Return the text of a system error as Go writes it: `address already in use`."""
    text = os.strerror(error.errno) if error.errno else str(error)
    return text[:1].lower() + text[1:]


def of_socket(sock: socket.socket) -> str:
    """Return the address that a socket is bound to."""
    name = sock.getsockname()
    return join(str(name[0]), int(name[1]))
