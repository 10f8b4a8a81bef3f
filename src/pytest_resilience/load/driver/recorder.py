"""A recorder: what the driver has measured since it last reported."""

from __future__ import annotations

from array import array
from collections.abc import Callable

from pytest_resilience.load.driver.wire import Batch

EXAMPLES = 64  # categories of failure that are told of with an example; a service with more has said enough


class Recorder:
    """Samples by column, emptied into a batch every time one is asked for."""

    def __init__(self) -> None:
        self.total = 0
        self.batches = 0
        self.unsent = array("d")
        self._numbers: dict[str, int] = {}
        self._texts: list[str] = []
        self._examples: dict[str, str] = {}
        self._explained: set[str] = set()
        self._strain: list[tuple[float, float, float]] = []
        self._clear()

    def _clear(self) -> None:
        # due, sent, done, status, error, name, size
        self._rows: list[tuple[float, float, float, int, int, int, int]] = []
        self._returned: dict[int, object] = {}

    def _number(self, text: str) -> int:
        number = self._numbers.get(text)
        if number is None:
            number = self._numbers[text] = len(self._numbers)
            self._texts.append(text)
        return number

    def name(self, name: str) -> int:
        """Return the number under which samples of this name are recorded."""
        return self._number(name)

    def succeeded(  # noqa: PLR0917  (for every request, where keywords cost)
        self, due: float, sent: float, done: float, status: int, name: int, size: int, returned: object
    ) -> None:
        """Add a sample of a success; status 0 for none, `size` in bytes."""
        if returned is not None:
            self._returned[len(self._rows)] = returned
        self._rows.append((due, sent, done, status, -1, name, size))

    def record(
        self,
        due: float,
        sent: float,
        done: float,
        *,
        name: int,
        status: int = 0,
        error: str | None = None,
        example: str = "",
        size: int = 0,
        returned: object = None,
    ) -> None:
        """Add a sample; `example` is kept for the first failure of its category."""
        if error is None:
            self.succeeded(due, sent, done, status, name, size, returned)
            return
        self._rows.append((due, sent, done, status, self._number(error), name, size))
        if error not in self._explained and len(self._explained) < EXAMPLES:
            self._explained.add(error)
            self._examples[error] = example or error

    def strain(self, at: float, cpu: float, lag: float) -> None:
        """Add a record of how the driver was doing."""
        self._strain.append((at, cpu, lag))

    def batch(self, in_flight: int) -> Batch:
        """Return what came since the last batch, and forget it."""
        returned = self._pack_returned()
        count = len(self._rows)
        self.total += count
        # Turned into columns here, ten thousand at a time, at a fraction of what five appends each cost.
        due, sent, done, statuses, errors, names, sizes = zip(*self._rows, strict=True) if count else ((),) * 7
        batch = Batch(
            seq=self.batches,
            total=self.total,
            texts=tuple(self._texts),
            due=array("d", due).tobytes(),
            sent=array("d", sent).tobytes(),
            done=array("d", done).tobytes(),
            statuses=array("h", statuses).tobytes(),
            errors=array("h", errors).tobytes(),
            names=array("h", names).tobytes(),
            sizes=array("q", sizes).tobytes(),
            returned=returned,
            examples=tuple(self._examples.items()),
            strain=tuple(self._strain),
            in_flight=in_flight,
        )
        self.batches += 1
        self._texts.clear()
        self._examples.clear()
        self._strain.clear()
        self._clear()
        return batch

    def _pack_returned(self) -> bytes | None:
        if not self._returned:
            return None
        import cloudpickle

        try:
            packed: bytes = cloudpickle.dumps(self._returned)
        except Exception:  # noqa: BLE001  (any class may refuse to be pickled, with any exception)
            packed = cloudpickle.dumps(self._portable(cloudpickle.dumps))
        return packed

    def _portable(self, dumps: Callable[[object], bytes]) -> dict[int, object]:
        """Return what can travel, and turn the samples whose value cannot into failures that say so."""
        good: dict[int, object] = {}
        for row, value in self._returned.items():
            try:
                dumps(value)
            except Exception as refusal:  # noqa: BLE001  (as above)
                due, sent, done, status, _, name, size = self._rows[row]
                self._rows[row] = (due, sent, done, status, self._number("NotPortable"), name, size)
                self._examples.setdefault(
                    "NotPortable", f"the action returned a {type(value).__name__}, which cannot travel: {refusal}"
                )
            else:
                good[row] = value
        return good
