"""A shared library of one function, which stands in front of libfaketime and takes `clock_nanosleep` back from it.

libfaketime (0.9.10, and what came after it so far) reckons the end of an absolute sleep wrongly where the monotonic
clock is left alone, and the call fails with EINVAL. Python's `time.sleep` is such a call since 3.11. So is a sleep
until a time of day, which here lasts by the host's clock.

The library is 40 words of ELF (elf(5), and the System V ABI's chapter on dynamic linking) and four instructions: the
system call itself. It is written where it is needed, since no compiler can be counted on.
"""

from __future__ import annotations

import platform
import struct

NAME = "libsleep-of-pytest-resilience.so"
_PAGE = 0x10000  # the largest that Linux has on either machine
_HEAD, _PROGRAM = struct.Struct("<16sHHIQQQIHHHHHH"), struct.Struct("<IIQQQQQQ")
_SYMBOL, _TAG = struct.Struct("<IBBHQQ"), struct.Struct("<QQ")
_LOAD, _DYNAMIC, _STACK = 1, 2, 0x6474E551
_NAMES = b"\0clock_nanosleep\0" + NAME.encode() + b"\0"
# The number of the machine in ELF, and its code: make the call, return the error as a positive number.
_MACHINES = {
    # mov r10, rcx; mov eax, 230; syscall; neg eax; ret
    "x86_64": (62, bytes.fromhex("4989ca b8e6000000 0f05 f7d8 c3")),
    # mov x8, #115; svc #0; neg w0, w0; ret
    "aarch64": (183, bytes.fromhex("680e80d2 010000d4 e003004b c0035fd6")),
}


def sleep_library(machine: str = "") -> bytes | None:
    """Return the library; None for a machine for which there is none.

    :param machine: as `uname -m` calls it; this one, by default.
    """
    found = _MACHINES.get(machine or platform.machine())
    return None if found is None else _shared_object(*found)


def _shared_object(machine: int, code: bytes) -> bytes:
    """Return an ELF file of two pages: one that is executed, and one that the dynamic loader writes to."""
    at = _HEAD.size + 4 * _PROGRAM.size
    hashes = struct.pack("<5I", 1, 2, 1, 0, 0)  # one bucket, which holds the one symbol
    symbols_at = at + 24
    names_at = symbols_at + 2 * _SYMBOL.size
    code_at = (names_at + len(_NAMES) + 15) // 16 * 16
    symbols = _SYMBOL.pack(0, 0, 0, 0, 0, 0) + _SYMBOL.pack(1, 0x12, 0, 1, code_at, len(code))  # global, a function
    text = hashes.ljust(24, b"\0") + symbols + _NAMES.ljust(code_at - names_at, b"\0") + code
    size = at + len(text)
    soname = _NAMES.index(NAME.encode())
    tags = {14: soname, 4: at, 5: names_at, 6: symbols_at, 10: len(_NAMES), 11: _SYMBOL.size, 0: 0}
    dynamic = b"".join(_TAG.pack(*tag) for tag in tags.items())
    head = _HEAD.pack(b"\x7fELF\2\1\1", 3, machine, 1, 0, _HEAD.size, 0, 0, _HEAD.size, _PROGRAM.size, 4, 64, 0, 0)
    programs = (
        (_LOAD, 5, 0, 0, 0, size, size, _PAGE),
        (_LOAD, 6, _PAGE, _PAGE, _PAGE, len(dynamic), len(dynamic), _PAGE),
        (_DYNAMIC, 6, _PAGE, _PAGE, _PAGE, len(dynamic), len(dynamic), 8),
        (_STACK, 6, 0, 0, 0, 0, 0, 16),  # the stack is not to be executable
    )
    return (head + b"".join(_PROGRAM.pack(*one) for one in programs) + text).ljust(_PAGE, b"\0") + dynamic
