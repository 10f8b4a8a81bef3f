"""Packed entries: histograms by second and outcome, a few hundred bytes for a second of a thousand samples.

An entry is what was due in one stretch of time, finished in one, and came to the same end. Its
histogram is kept as the gaps between the buckets that are not empty and the counts in them, all
entries together, each as a stream of small numbers under a Huffman code (zlib without its search
for repetitions, which are none here: it costs more than it saves).
"""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

Histogram = Sequence["tuple[int, int]"]
_ESCAPE = 255


class Entry(NamedTuple):
    """Samples of one name that were due, and finished, in the same stretches of time and came to the same end.

    :ivar due: the second from which they were due, in whole monotonic seconds; before `due_end`.
    :ivar done: the second from which they finished; before `done_end`.
    :ivar late: whether they were sent so late that their service time has a histogram of its own.
    :ivar number: how many they are.
    :ivar size: the bytes of them all.
    :ivar latency: buckets and counts, ascending; likewise `service` and `lateness` for those that were late.
    """

    due: int
    due_end: int
    done: int
    done_end: int
    status: int
    error: int
    late: bool
    number: int
    size: int
    latency: Histogram
    service: Histogram
    lateness: Histogram


class Packed:
    """Entries, packed."""

    __slots__ = ("_counts", "_gaps", "_heads", "_keys", "length")

    def __init__(self, entries: Iterable[Entry]) -> None:
        keys = array("q")
        heads, gaps, counts = array("I"), array("I"), array("I")
        self.length = 0
        for entry in entries:
            self.length += 1
            # Each relative to what is likely, which makes nearly all of them small and alike.
            keys.extend((entry.due, entry.due_end - entry.due, entry.done - entry.due, entry.done_end - entry.done))
            keys.extend((entry.status, entry.error, entry.late, entry.number, entry.size))
            for histogram in (entry.latency, entry.service, entry.lateness) if entry.late else (entry.latency,):
                heads.extend((len(histogram), histogram[0][0]))
                last = histogram[0][0]
                for bucket, count in histogram:
                    gaps.append(bucket - last)
                    counts.append(count)
                    last = bucket
        self._keys = zlib.compress(_by_field(keys, 9), 6)
        self._heads = zlib.compress(_by_field(heads, 2), 6)
        self._gaps, self._counts = _squeeze(gaps), _squeeze(counts)

    @property
    def size(self) -> int:
        """The bytes it takes, near enough."""
        return len(self._keys) + len(self._heads) + len(self._gaps) + len(self._counts) + 4 * 33

    def __iter__(self) -> Iterator[Entry]:
        keys = _fields(array("q"), self._keys, 9)
        heads = zip(*_fields(array("I"), self._heads, 2), strict=True)
        gaps, counts = _expand(self._gaps), _expand(self._counts)
        at = 0
        for due, due_width, later, done_width, status, error, late, count, size in zip(*keys, strict=True):
            histograms = []
            for _ in range(3 if late else 1):
                length, first = next(heads)
                cut = slice(at, at + length)
                # The first gap is 0, so that the buckets begin with the first one.
                start = accumulate(gaps[cut], initial=first)
                next(start)
                histograms.append(list(zip(start, counts[cut], strict=True)))
                at += length
            if not late:
                histograms *= 3
            done = due + later
            yield Entry(
                due, due + due_width, done, done + done_width, status, error, bool(late), count, size, *histograms
            )


def _by_field(rows: array[int], width: int) -> bytes:
    return b"".join(rows[field::width].tobytes() for field in range(width))


def _fields(empty: array[int], packed: bytes, width: int) -> list[array[int]]:
    empty.frombytes(zlib.decompress(packed))
    length = len(empty) // width
    return [empty[field * length : (field + 1) * length] for field in range(width)]


def _squeeze(numbers: array[int]) -> bytes:
    """Pack numbers of which most are small: a byte each, and four more for those that do not fit."""
    large = array("I", [number for number in numbers if number >= _ESCAPE])
    small = bytes([min(number, _ESCAPE) for number in numbers])
    packer = zlib.compressobj(9, strategy=zlib.Z_HUFFMAN_ONLY)
    return packer.compress(array("I", [len(large)]).tobytes() + large.tobytes() + small) + packer.flush()


def _expand(packed: bytes) -> Sequence[int]:
    data = zlib.decompress(packed)
    many = array("I")
    many.frombytes(data[:4])
    end = 4 + 4 * many[0]
    small = data[end:]
    if end == 4:
        return small
    large = array("I")
    large.frombytes(data[4:end])
    rest = iter(large)
    return [next(rest) if number == _ESCAPE else number for number in small]
