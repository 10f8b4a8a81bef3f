"""The strain of several workers: that of the busiest, since one that cannot keep up spoils what all have measured."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace

from pytest_resilience.load.driver.wire import Batch
from pytest_resilience.load.ledger import Ledger
from pytest_resilience.measure.samples import Samples

Row = tuple[float, float, float]  # at, cpu, lag


class BusiestWorker:
    """Merges the records of the workers: whenever the first one reports, the most that any of them last had."""

    def __init__(self) -> None:
        self._last: dict[int, Row] = {}
        self._lock = threading.Lock()

    def merged(self, worker: int, rows: Iterable[Row]) -> tuple[Row, ...]:
        """Take the records of `worker`, and return what is to be recorded of all."""
        found = []
        with self._lock:
            for row in rows:
                self._last[worker] = row
                if worker == min(self._last):
                    last = self._last.values()
                    found.append((row[0], max(cpu for _, cpu, _ in last), max(lag for _, _, lag in last)))
        return tuple(found)


class StrainedLedger(Ledger):
    """The ledger of one of several workers, whose strain is merged with that of the others."""

    def __init__(
        self,
        samples: Samples,
        lock: threading.Lock,
        strain: BusiestWorker,
        worker: int,
        *,
        busy: Callable[[], float] = lambda: math.nan,
    ) -> None:
        super().__init__(samples, lock, busy=busy)
        self._strain, self._worker = strain, worker

    def accept(self, batch: Batch) -> None:
        """Add the samples of `batch`; raises as any ledger does."""
        super().accept(replace(batch, strain=self._strain.merged(self._worker, batch.strain)))
