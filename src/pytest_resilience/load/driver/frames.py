"""Frames: messages of WebSockets as bytes (RFC 6455, section 5), from the client's side, without extensions."""

from __future__ import annotations

import base64
import hashlib
from typing import NamedTuple

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
OPCODES = frozenset({CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG})
CONTROL = 0x8  # the bit of opcodes that are about the connection
FINAL, RESERVED, MASKED = 0x80, 0x70, 0x80
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

NORMAL, NO_CODE, ABNORMAL = 1000, 1005, 1006


class ProtocolError(Exception):
    """What came is no frame that a server may send."""


class Frame(NamedTuple):
    """One frame."""

    opcode: int
    final: bool
    payload: bytes
    end: int
    """Where the next one begins in what was read."""


def frame(opcode: int, payload: bytes, key: int) -> bytes:
    """Return a whole frame, masked with the 32 bits of `key` as a client has to (section 5.3)."""
    size = len(payload)
    if size < 126:
        head = bytes((FINAL | opcode, MASKED | size))
    elif size < 1 << 16:
        head = bytes((FINAL | opcode, MASKED | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((FINAL | opcode, MASKED | 127)) + size.to_bytes(8, "big")
    mask = key.to_bytes(4, "big")
    return head + mask + masked(payload, mask)


def masked(payload: bytes, mask: bytes) -> bytes:
    """Return `payload` with each byte changed by the byte of `mask` at its place; the same again undoes it."""
    size = len(payload)
    # As two long numbers, which is a hundred times as fast as byte by byte.
    cover = int.from_bytes((mask * (size // 4 + 1))[:size], "big")
    return (int.from_bytes(payload, "big") ^ cover).to_bytes(size, "big")


def read(data: bytes, at: int = 0) -> Frame | None:
    """Return the frame that begins at `at`; None if it is not complete yet.

    :raises ProtocolError: it uses what was not agreed on, or what only a client may.
    """
    if len(data) - at < 2:
        return None
    first, size = data[at], data[at + 1]
    opcode = first & 0x0F
    if first & RESERVED or opcode not in OPCODES:
        raise ProtocolError(f"a frame begins with 0x{first:02x}, which was not agreed on")
    if size & MASKED:
        raise ProtocolError("a frame of the server is masked, which only those of a client may be")
    if opcode & CONTROL and (size > 125 or not first & FINAL):
        raise ProtocolError("a control frame is longer than 125 bytes, or in pieces")
    start = at + 2
    if size >= 126:
        width = 2 if size == 126 else 8
        if len(data) - start < width:
            return None
        size = int.from_bytes(data[start : start + width], "big")
        start += width
    end = start + size
    if len(data) < end:
        return None
    return Frame(opcode, bool(first & FINAL), bytes(data[start:end]), end)


def close_code(payload: bytes) -> int:
    """Return the code in a close frame; 1005 where it has none (section 7.1.5)."""
    return int.from_bytes(payload[:2], "big") if len(payload) >= 2 else NO_CODE


def accept(key: bytes) -> str:
    """Return what the server has to answer to the key of a handshake (section 4.2.2)."""
    return base64.b64encode(hashlib.sha1(key + GUID).digest()).decode()  # noqa: S324  (the protocol's choice; no secret)
