"""Frames are those of RFC 6455, and what is none of them is refused."""

from __future__ import annotations

import pytest

from pytest_resilience.load.driver.frames import (
    BINARY,
    CLOSE,
    PING,
    TEXT,
    Frame,
    ProtocolError,
    accept,
    close_code,
    frame,
    masked,
    read,
)  # fmt: skip


def test_the_examples_of_the_rfc() -> None:
    assert frame(TEXT, b"Hello", 0x37FA213D) == bytes.fromhex("818537fa213d7f9f4d5158")  # section 5.7
    assert read(bytes.fromhex("810548656c6c6f")) == Frame(TEXT, True, b"Hello", 7)
    assert read(bytes.fromhex("010348656c")) == Frame(TEXT, False, b"Hel", 5)
    assert read(bytes.fromhex("890548656c6c6f")) == Frame(PING, True, b"Hello", 7)
    assert accept(b"dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # section 1.3


@pytest.mark.parametrize("size", [0, 1, 3, 4, 5, 125, 126, 127, 65_535, 65_536, 200_000])
def test_a_payload_of_every_size_comes_back(size: int) -> None:
    payload = bytes(number % 251 for number in range(size))
    made = frame(BINARY, payload, 0xDEADBEEF)
    start = len(made) - size
    assert masked(made[start:], made[start - 4 : start]) == payload
    # As a server sends it: without the mask.
    unmasked = bytes((made[0], made[1] & 0x7F)) + made[2 : start - 4] + payload
    assert read(b"before" + unmasked + b"after", 6) == Frame(BINARY, True, payload, 6 + len(unmasked))
    for cut in {0, 1, 2, len(unmasked) // 2, len(unmasked) - 1}:
        assert read(unmasked[: min(cut, len(unmasked) - 1)]) is None


@pytest.mark.parametrize(
    "wrong",
    ["c10548656c6c6f", "830548656c6c6f", "8185000000004865", "897e0100", "0903616263"],
    ids=["reserved bit", "opcode", "masked", "long ping", "ping in pieces"],
)
def test_what_a_server_may_not_send_is_refused(wrong: str) -> None:
    with pytest.raises(ProtocolError):
        read(bytes.fromhex(wrong))


def test_the_code_of_a_close_frame() -> None:
    assert close_code((1001).to_bytes(2, "big") + b"going") == 1001
    assert close_code(b"") == 1005
    assert read(bytes.fromhex("880203e9")) == Frame(CLOSE, True, b"\x03\xe9", 4)
