"""Buckets: log-linear classes of numbers, 128 to an octave, into which any double is put by a shift of its bits.

The leading 19 bits of a double are its sign, its exponent and the first seven digits of its
mantissa: read as a whole number, they are the number of a bucket. All buckets of an octave are
equally wide, and none is wider than 1/128 of its lower edge, so that its middle is within 0.4 % of every number in it.
Buckets of two histograms are the same buckets, which makes merging exact: counts are added.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterable, Iterator
from itertools import repeat
from operator import rshift

SHIFT = 52 - 7
ERROR = 1 / 256
"""How far, as a ratio, the middle of a bucket may be from a number in it."""


def numbers(values: Iterable[float]) -> Iterator[int]:
    """Yield the bucket of each value; a negative one is put where zero is."""
    bits = array("Q")
    bits.frombytes(array("d", map(max, values, repeat(0.0))).tobytes())
    return map(rshift, bits, repeat(SHIFT))


def floor(bucket: int) -> float:
    """Return the least number in a bucket."""
    value: float = struct.unpack("=d", struct.pack("=Q", bucket << SHIFT))[0]
    return value


def ceiling(bucket: int) -> float:
    """Return what is above every number in a bucket."""
    return floor(bucket + 1)


def middle(bucket: int) -> float:
    """Return the number that stands for a bucket; 0 for the one of zero."""
    return (floor(bucket) + floor(bucket + 1)) / 2 if bucket else 0.0
