"""A reckoning: what samples amount to, as figures; raises where there is nothing to reckon with."""

from __future__ import annotations

import math
import statistics
from array import array
from collections.abc import Callable

from pytest_resilience.errors import DriverSaturated, NoSamples, TooFewSamples, UsageError
from pytest_resilience.measure import figures
from pytest_resilience.measure.columns import NONE
from pytest_resilience.measure.sample import IMPATIENT, Strain
from pytest_resilience.measure.saturation import Saturation, saturation
from pytest_resilience.measure.spread import Spread
from pytest_resilience.measure.tape import Tape
from pytest_resilience.measure.view import View


class Reckoning:
    """The figures of samples."""

    __slots__ = ("_tape",)
    _tape: Tape

    @property
    def view(self) -> View:
        """The samples as they are at this moment, for what judges and exports them."""
        return self._tape.view

    def __len__(self) -> int:
        return self._tape.view.count

    # What there is

    @property
    def label(self) -> str:
        """The window in a few words; empty for a whole run."""
        return self._tape.label

    @property
    def where(self) -> str:
        """The window in words, for messages."""
        return self._tape.label or "the run"

    @property
    def span(self) -> tuple[float, float]:
        """When the window begins and ends, in monotonic seconds.

        A run's own span goes from when its first arrival was due to when its last sample finished;
        a window's is the part of it before, in or after the time in force, or the part asked for.
        (0, 0) where nothing is known.
        """
        return self._tape.span

    @property
    def duration(self) -> float:
        """The length of the span in seconds."""
        start, end = self.span
        return end - start

    @property
    def resolution(self) -> float:
        """How exactly windows can be cut, in seconds: 0 while every sample is raw, 1 where seconds were folded."""
        return self._tape.view.resolution

    @property
    def strain(self) -> list[Strain]:
        """How the driver was doing in this window."""
        return self._tape.strain

    @property
    def unsent(self) -> list[float]:
        """When those arrivals of this window were due that were never sent."""
        return list(self._tape.unsent)

    @property
    def latencies(self) -> array[float]:
        """The seconds from when each was due to when it finished; without those of folded samples."""
        return self._tape.view.timings("latency")

    @property
    def service_times(self) -> array[float]:
        """The seconds from when each was sent to when it finished: its latency without the driver's delay."""
        return self._tape.view.timings("service")

    # How many

    @property
    def failures(self) -> int:
        """How many failed; those that their own users gave up are not among them."""
        return self.failed()

    def failed(self, of: Callable[[int], bool] = lambda _: True) -> int:
        """Count what failed with a status `of` a kind (-1 for none)."""
        view = self._tape.view
        given_up = view.errors.find(IMPATIENT)
        outcomes = view.outcomes().items()
        return sum(count for (status, error), count in outcomes if error not in (NONE, given_up) and of(status))

    @property
    def impatient(self) -> int:
        """How many their own users gave up on purpose (`impatience=`): neither successes nor failures."""
        return self._tape.view.tally().get(IMPATIENT, 0)

    @property
    def finished(self) -> int:
        """How many finished within the span, well or badly; a window may hold some that finished later."""
        return self._tape.view.finished(*self.span)

    @property
    def succeeded(self) -> int:
        """How many finished within the span without an error."""
        return self._tape.view.finished(*self.span, well=True)

    @property
    def bytes(self) -> int:
        """How many bytes were transferred, where the driver counts them."""
        return self._tape.view.size

    # What it amounts to

    def quantile(self, q: float) -> float:
        """Return the latency in seconds that the share `q` of the samples does not exceed.

        Of folded samples, to within 0.4 %.

        :raises TooFewSamples: fewer than 1 / (1 - q), so that the largest would stand for the quantile.
        :raises NoSamples: none at all.
        :raises DriverSaturated: the generator was the limit in this window.
        """
        if not 0 < q < 1:
            raise UsageError(f"quantile({q}): a quantile is a ratio between 0 and 1, such as 0.99")
        self._require_driver()
        self._require_samples()
        ordered, least = self.spread(), figures.needed(q)
        if len(ordered) < least:
            raise TooFewSamples(
                f"{self.where}: {figures.quantile_name(q)} needs {least} samples and there are {len(ordered)}: "
                "hold the load for longer, raise its rate, or ask for a lower quantile"
            )
        return figures.quantile(ordered, q)

    def spread(self) -> Spread:
        """Return all latencies in ascending order."""
        return self._tape.view.spread("latency")

    @property
    def p50(self) -> float:
        """The median latency in seconds."""
        return self.quantile(0.50)

    @property
    def p95(self) -> float:
        """The latency in seconds that 95 % did not exceed."""
        return self.quantile(0.95)

    @property
    def p99(self) -> float:
        """The latency in seconds that 99 % did not exceed."""
        return self.quantile(0.99)

    @property
    def error_rate(self) -> float:
        """The share that failed, 0 to 1, of those that were not given up by their own users."""
        self._require_driver()
        self._require_samples()
        waited = len(self) - self.impatient
        if not waited:
            raise NoSamples(
                f"{self.where}: all {len(self)} calls were given up by their own users, so no error rate can be told: "
                "have them wait for longer (impatience=)"
            )
        return self.failures / waited

    @property
    def rate(self) -> float:
        """How many samples finished per second of the span, well or badly."""
        return self._per_second(self.finished)

    @property
    def goodput(self) -> float:
        """How many samples finished well per second of the span."""
        return self._per_second(self.succeeded)

    def _per_second(self, finished: int) -> float:
        self._require_driver()
        self._require_samples()
        if not self.duration:
            raise NoSamples(
                f"{self.where}: a rate needs a window with a length, and this has none; hold the load there"
            )
        return finished / self.duration

    # Whether it may be judged

    @property
    def busy(self) -> float:
        """How busy the processors of the machine were in this window, 0 to 1; nan where that was not read."""
        read = [record.busy for record in self._tape.strain if not math.isnan(record.busy)]
        return statistics.fmean(read) if read else math.nan

    def saturation(self, *, tightest: float | None = None) -> Saturation | None:
        """Return why the generator was the limit in this window, or None; see the module `saturation`."""
        tape = self._tape
        return saturation(tape.view, strain=tape.strain, unsent=len(tape.unsent), tightest=tightest)

    def _require_driver(self) -> None:
        found = self.saturation()
        if found:
            raise DriverSaturated(
                f"{self.where}: the load generator was the limit: {found}; what it measured says nothing about "
                "the service: lower the rate, or give the driver a core of its own or more processes"
            )

    def _require_samples(self) -> None:
        if not len(self):
            raise NoSamples(
                f"{self.where}: there are no samples, so nothing can be said; hold the load there (run.hold) "
                "for longer, or raise its rate"
            )
