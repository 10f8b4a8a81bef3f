"""Growth: whether a figure that a service holds, such as its memory, grows on and on: the verdict on one of them.

Of the readings of each life the warm-up is left out. The rest is cut into some 40 blocks of the same length, of which
the least counts: memory that a garbage collection gives back is no leak, and neither is a connection that is busy
now and then. Growth is *missed* (a leak) where there is a trend beyond chance, the least slope that it may have is
above the limit, and each quarter of the time grew: what took a step once, or filled and levelled off, did not leak. It
is *met* where the largest slope that it may have is within the limit, over all of the time or over its second half.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from pytest_resilience.measure import words
from pytest_resilience.measure.trend import Point, Trend, trend
from pytest_resilience.measure.verdict import Finding, Outcome

HOUR = 3600.0
BLOCKS, LEAST_BLOCKS, MOST_BLOCKS = 40, 16, 400
OF_LIFE, LEAST_OF_LIFE = 8, 4  # blocks of a usual life; one that was shorter shows no trend
CHANCE = 0.001
SURE = 0.995
PARTS, SHARE = 4, 0.25  # each quarter of the time has to show this share of the slope
MEMORY, LEAST_MEMORY, LEAST_COUNT = 0.02, 2 * 2**20, 2.0


@dataclass(frozen=True)
class Figure:
    """The readings of one figure.

    :ivar name: such as `clinic memory`.
    :ivar lives: (seconds, number) in the order of time, apart for each time that the service was started.
    """

    name: str
    lives: tuple[tuple[Point, ...], ...]

    @property
    def is_memory(self) -> bool:
        """Whether it counts bytes."""
        return self.name.rpartition(" ")[2] == "memory"


def judged(figure: Figure, *, warmup: float, share: float, allowed: float | None) -> Finding:
    """Judge whether a figure grows.

    :param warmup: seconds that are left out of the beginning of each life, at most.
    :param share: the share of each life that is left out, at most.
    :param allowed: by how much it may grow in an hour; None for no more, over the length of a usual life, than cannot
        be told from what allocators do: 2 %, at least 2 MiB, of memory, and 2 of anything else.
    """
    warm = [part for life in figure.lives if len(part := _warm(life, warmup, share)) > 1]
    readings = [value for life in warm for _, value in life]
    total = sum(life[-1][0] - life[0][0] for life in warm)
    if not readings or total <= 0:
        return _unclear(figure, f"{figure.name}: nothing was read after the warm-up")
    usual = _usual(warm)
    length = min(total / BLOCKS, max(usual / OF_LIFE, total / MOST_BLOCKS))
    blocks = [part for life in warm if len(part := _blocks(life, length)) >= LEAST_OF_LIFE]
    count = sum(map(len, blocks))
    if count < LEAST_BLOCKS:
        text = f"{figure.name}: {len(readings)} readings in {len(warm)} lives are too few to tell a trend"
        return _unclear(figure, text)
    if count * length < total / 3:
        seen = words.percent(count * length / total)
        return _unclear(figure, f"{figure.name}: was read in {seen} of the time, in lives that were too short")
    limit = allowed / HOUR if allowed is not None else _least(figure, median(readings)) / usual
    whole = trend(blocks, confidence=SURE)
    said = f"{figure.name} {_hourly(figure, whole, limit)}"
    outcome = Outcome.INCONCLUSIVE
    if whole.p < CHANCE and whole.low > limit and _throughout(blocks, whole.slope):
        outcome, said = Outcome.MISSED, f"{said}: it leaks"
    elif whole.high <= limit:
        outcome = Outcome.MET
    elif trend([life[len(life) // 2 :] for life in blocks], confidence=SURE).high <= limit:
        outcome, said = Outcome.MET, f"{said}, and levelled off"
    else:
        said = f"{said}: cannot be told, soak for longer"
    return Finding(figure.name, outcome, said, whole.slope * HOUR, limit * HOUR)


def _throughout(blocks: Sequence[Sequence[Point]], slope: float) -> bool:
    """Tell whether each part of the time has its share in the growth."""
    for part in range(PARTS):
        cut = [life[len(life) * part // PARTS : len(life) * (part + 1) // PARTS] for life in blocks]
        if not trend(cut).slope >= SHARE * slope:
            return False
    return True


def _hourly(figure: Figure, whole: Trend, limit: float) -> str:
    slope, low, high, most = (_written(figure, one * HOUR) for one in (whole.slope, whole.low, whole.high, limit))
    return f"grows by {slope} an hour ({low} to {high}, limit {most}, p {whole.p:.2g})"


def _written(figure: Figure, value: float) -> str:
    if math.isinf(value):
        return "unknown"
    sign = "-" if value < 0 else ""
    return sign + (words.size(abs(value)) if figure.is_memory else f"{abs(value):.3g}")


def _unclear(figure: Figure, text: str) -> Finding:
    return Finding(figure.name, Outcome.INCONCLUSIVE, text)


def _least(figure: Figure, usual: float) -> float:
    return max(MEMORY * usual, LEAST_MEMORY) if figure.is_memory else LEAST_COUNT


def _usual(lives: Sequence[Sequence[Point]]) -> float:
    """Return the length in seconds of the life in whose like half of the time was spent, or in longer ones."""
    lengths = sorted((life[-1][0] - life[0][0] for life in lives), reverse=True)
    left = sum(lengths) / 2
    for length in lengths:
        left -= length
        if left <= 0:
            return length
    return lengths[-1]


def _warm(life: Sequence[Point], warmup: float, share: float) -> Sequence[Point]:
    if not life:
        return life
    start, end = life[0][0], life[-1][0]
    warm = start + min(warmup, share * (end - start))
    return [point for point in life if point[0] >= warm]


def _blocks(life: Sequence[Point], length: float) -> list[Point]:
    """Return the middle of each block of a life and the least in it, without one that was cut off or not read."""
    start = life[0][0]
    least: dict[int, float] = {}
    for at, value in life:
        number = int((at - start) / length)
        least[number] = min(least.get(number, math.inf), value)
    whole = math.floor((life[-1][0] - start) / length + 1e-6)
    return [(start + (number + 0.5) * length, value) for number, value in least.items() if number < whole]
