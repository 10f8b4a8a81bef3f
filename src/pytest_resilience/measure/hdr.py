"""HdrHistogram's log format, version 1.3, with its compressed V2 encoding.

After the reference implementation, https://github.com/HdrHistogram/HdrHistogram: `HistogramLogWriter`, and
`AbstractHistogram.encodeIntoCompressedByteBuffer`. Values are nanoseconds with three significant digits; the longest
of an interval is told in milliseconds, as its tools expect.
"""

from __future__ import annotations

import base64
import struct
import time
import zlib
from collections.abc import Iterator, Mapping

from pytest_resilience.measure.intervals import Interval

DIGITS = 3
HALF = 11 - 1  # binary digits of the half of 2048 linear steps, the least that tell a thousandth
HIGHEST = 24 * 3600 * 10**9
_COOKIE, _COMPRESSED = 0x1C849303 | 0x10, 0x1C849304 | 0x10


def log(intervals: Iterator[Interval], origin: float) -> Iterator[str]:
    """Yield the lines of a log.

    :param origin: the moment that the log counts from, in monotonic seconds.
    """
    began = time.time() - time.monotonic() + origin
    yield "#[Histogram log format version 1.3]"
    yield f"#[StartTime: {began:.3f} (seconds since epoch), {time.asctime(time.gmtime(began))} UTC]"
    yield f"#[BaseTime: {began:.3f} (seconds since epoch)]"
    yield '"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"'
    for one in intervals:
        nanoseconds: dict[int, int] = {}
        for latency, count in one.latencies.items():
            value = min(round(latency * 1e9), HIGHEST)
            nanoseconds[value] = nanoseconds.get(value, 0) + count
        start, length, longest = one.start - origin, one.end - one.start, max(nanoseconds) / 1e6
        yield f"Tag={_tag(one.name)},{max(start, 0.0):.3f},{length:.3f},{longest:.3f},{encode(nanoseconds)}"


def encode(counts: Mapping[int, int]) -> str:
    """Return a histogram of whole numbers as base64 of its compressed V2 encoding."""
    places: dict[int, int] = {}
    for value, count in counts.items():
        place = _place(value)
        places[place] = places.get(place, 0) + count
    payload = bytearray()
    last = -1
    for place in sorted(places):
        if place > last + 1:
            payload += _zigzag(-(place - last - 1))  # so many that are empty
        payload += _zigzag(places[place])
        last = place
    head = struct.pack(">iiiiqqd", _COOKIE, len(payload), 0, DIGITS, 1, HIGHEST, 1.0)
    packed = zlib.compress(head + payload)
    return base64.b64encode(struct.pack(">ii", _COMPRESSED, len(packed)) + packed).decode()


def _place(value: int) -> int:
    """Return where the count of a value is: 2048 steps of 1, and then 1024 to each octave."""
    octave = max(value.bit_length() - (HALF + 1), 0)
    return (octave << HALF) + (value >> octave)


def _zigzag(number: int) -> bytes:
    """Return a number as ZigZag LEB128-64b9B: seven bits a byte, and all eight of the ninth."""
    rest = (number << 1) ^ (number >> 63)
    packed = bytearray()
    while rest > 0x7F and len(packed) < 8:
        packed.append(rest & 0x7F | 0x80)
        rest >>= 7
    packed.append(rest)
    return bytes(packed)


def _tag(name: str) -> str:
    """Return a name without what ends a tag."""
    return "".join("_" if char in ", \t\r\n" else char for char in name) or "_"
