"""A ledger: the accounts of one driver, kept from its batches and closed by its totals."""

from __future__ import annotations

import math
import pickle
import threading
from array import array
from collections.abc import Callable
from typing import Literal, overload

from pytest_resilience.errors import DriverDied
from pytest_resilience.load.driver.wire import Batch, Final
from pytest_resilience.measure.sample import Strain
from pytest_resilience.measure.samples import Samples


class Ledger:
    """Reads batches into samples, and refuses a gap.

    :ivar examples: the first message of each category of failure.
    :ivar in_flight: how many calls had begun and not finished when the last batch was sent.
    """

    def __init__(self, samples: Samples, lock: threading.Lock, *, busy: Callable[[], float] = lambda: math.nan) -> None:
        """Keep the accounts of one of several drivers that share `samples`; `lock` guards them.

        :param busy: returns how busy the processors of the machine are.
        """
        self._samples, self._lock, self._busy = samples, lock, busy
        self._texts: list[str] = []
        self._batches = self._total = 0
        self.examples: dict[str, str] = {}
        self.in_flight = 0

    def accept(self, batch: Batch) -> None:
        """Add the samples of `batch`.

        :raises DriverDied: a batch before it was lost.
        """
        count = len(batch.due) // 8
        if batch.seq != self._batches or batch.total != self._total + count:
            raise DriverDied(
                f"batch {batch.seq} with {batch.total} samples in all came from the driver, expected batch "
                f"{self._batches} with {self._total + count}: samples were lost, so nothing may be judged; run it again"
            )
        self._batches += 1
        self._total = batch.total
        self._texts.extend(batch.texts)
        for category, example in batch.examples:
            self.examples.setdefault(category, example)
        self.in_flight = batch.in_flight
        # Our child's pickle, of what the user's actions returned there.
        returned: dict[int, object] | None = None if batch.returned is None else pickle.loads(batch.returned)  # noqa: S301
        columns = (_column("d", batch.due), _column("d", batch.sent), _column("d", batch.done))
        busy = self._busy()
        with self._lock:
            self._samples.extend_columns(
                due=columns[0],
                sent=columns[1],
                done=columns[2],
                status=_column("h", batch.statuses),
                error=_column("h", batch.errors),
                name=_column("h", batch.names),
                texts=self._texts,
                size=_column("q", batch.sizes) if batch.sizes else None,
                returned=returned,
                strain=[Strain(*record, busy) for record in batch.strain],
            )

    def close(self, final: Final, *, whole: bool) -> None:
        """Compare the totals.

        :param whole: whether everything that was begun had to be finished.
        :raises DriverDied: they do not agree.
        """
        with self._lock:
            self._samples.extend(unsent=_column("d", final.unsent))
        self.in_flight = 0 if whole else final.begun - final.samples
        came, told = (self._batches, self._total), (final.batches, final.samples)
        if came != told or (whole and final.begun != final.samples):
            raise DriverDied(
                f"the driver began {final.begun} calls and reported {final.samples} samples in {final.batches} "
                f"batches, of which {self._total} in {self._batches} arrived: samples were lost, so nothing may be "
                "judged; run it again"
            )


@overload
def _column(kind: Literal["d"], column: bytes) -> array[float]: ...
@overload
def _column(kind: Literal["h", "q"], column: bytes) -> array[int]: ...
def _column(kind: Literal["d", "h", "q"], column: bytes) -> array[float] | array[int]:
    numbers: array[float] | array[int] = array(kind)
    numbers.frombytes(column)
    return numbers
