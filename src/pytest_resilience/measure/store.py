"""A store: the samples of a run, raw while there are few, and folded by the second when there are many.

Samples come in chunks of 65,536. The latest dozen chunks, some 700,000 samples, are raw. When they
are more, the oldest is folded (see `block`), except for two kinds of rows that stay raw: those with something
that was returned, which a test may compare with what a database holds; and those near an episode, from 5 s
before its strike to 30 s after its heal, of which 131,072 are kept at the most. When the folded seconds take more
than 27 MB, the oldest blocks lose theirs: from then on a window holds all of such a block or nothing of it.

So the samples of a day at 1,000 a second take less than 64 MB (30 bytes for each raw one, some 300 for each second).

One thread writes; any number read, each from the `view` it took, which stays whole whatever is folded
meanwhile: what a view refers to is replaced and never changed, except that the last chunk grows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import islice

from pytest_resilience.measure.block import Block, fold
from pytest_resilience.measure.columns import Columns, Rows
from pytest_resilience.measure.sample import Sample
from pytest_resilience.measure.view import View
from pytest_resilience.measure.vocabulary import Vocabulary
from pytest_resilience.timeline import Episode

CHUNK = 65_536
BATCH = 8192
BEFORE, AFTER = 5.0, 30.0  # seconds around an episode that stay raw
_Held = tuple[tuple[Block, ...], tuple[Columns, ...], tuple[Columns, ...]]


class Store:
    """Samples that come in, from one thread, and are read from others.

    :param chunk: how many samples are folded at a time.
    :param raw: how many chunks stay raw.
    :param kept: how many chunks' worth of rows near episodes stay raw beyond that.
    :param seconds: the bytes that folded seconds may take.
    """

    def __init__(self, *, chunk: int = CHUNK, raw: int = 11, kept: int = 2, seconds: int = 27_000_000) -> None:
        self.errors, self.names = Vocabulary(), Vocabulary()
        self.episodes: Callable[[], Iterable[Episode]] = tuple
        self._chunk, self._raw, self._most_kept, self._most_seconds = chunk, raw, kept * chunk, seconds
        # Folded, kept raw, and fresh: replaced as one, so that no reader sees a chunk twice or not at all.
        self._held: _Held = ((), (), (self._columns(),))
        self._kept = self._coarse = 0

    def _columns(self) -> Columns:
        return Columns(self.errors, self.names)

    @property
    def view(self) -> View:
        """What there is at this moment."""
        blocks, kept, fresh = self._held
        chunks = (*kept, *fresh)
        return View(blocks, chunks, tuple(chunk.count for chunk in chunks), self.errors, self.names)

    def extend(self, samples: Iterable[Sample]) -> None:
        """Add samples, batch by batch; a batch with a value that has no place here raises and adds nothing."""
        coming = iter(samples)
        while batch := list(islice(coming, min(BATCH, self._room))):
            self._held[2][-1].extend(batch)
            self._turn()

    def extend_rows(self, rows: Rows) -> None:
        """Add samples that are in columns already."""
        start, end = 0, len(rows.due)
        while start < end:
            size = min(self._room, end - start)
            self._held[2][-1].extend_rows(rows if size == end else rows.part(start, start + size))
            start += size
            self._turn()

    def adopt(self, block: Block) -> None:
        """Add what was folded elsewhere, by the numbers of this store's names and errors."""
        blocks, kept, fresh = self._held
        self._held = (self._within_budget((*blocks, block)), kept, fresh)

    @property
    def _room(self) -> int:
        return self._chunk - self._held[2][-1].count

    def _turn(self) -> None:
        """Begin a new chunk when the last is full, and fold the oldest when they are too many."""
        if self._room > 0:
            return
        blocks, kept, fresh = self._held
        if len(fresh) > self._raw:
            oldest, *fresh_ones = fresh
            fresh = tuple(fresh_ones)
            stays = self._stays(oldest)
            kept_rows = oldest.select(stays)
            folded = fold(oldest.select(stays.translate(_FLIP)))
            blocks = self._within_budget((*blocks, *folded))
            kept = (*kept, kept_rows) if kept_rows.count else kept
        self._held = (blocks, kept, (*fresh, self._columns()))

    def _stays(self, rows: Columns) -> bytes:
        """Return a byte for each row, 1 where it is not to be folded."""
        spans = [
            (episode.striking - BEFORE, (episode.healed or episode.struck) + AFTER)
            for episode in self.episodes()
            if episode.striking - BEFORE < rows.last and (episode.healed or episode.struck) + AFTER > rows.first
        ]
        near = [
            any(start <= done and due <= end for start, end in spans)
            for due, done in zip(rows.due, rows.done, strict=True)
        ]
        if self._kept + sum(near) > self._most_kept:
            near = [False] * rows.count
        self._kept += sum(near)
        if rows.returned is None:
            return bytes(near)
        return bytes(here or value is not None for here, value in zip(near, rows.returned, strict=True))

    def _within_budget(self, blocks: Sequence[Block]) -> tuple[Block, ...]:
        spent = list(blocks)
        while self._coarse < len(spent) and sum(block.size for block in spent[self._coarse :]) > self._most_seconds:
            spent[self._coarse] = spent[self._coarse].coarsened()
            self._coarse += 1
        return tuple(spent)


_FLIP = bytes([1, 0]) + bytes(254)
