"""Charts: lines over time as SVG, with the faults as bands; no script, and nothing from elsewhere."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from pytest_resilience.measure import words

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 720, 150, 58, 20, 10
RIGHT = 8
TICKS = 6


@dataclass(frozen=True)
class Line:
    """One line: its name, its class of CSS, and points of (seconds, value); None is a gap."""

    name: str
    style: str
    points: Sequence[tuple[float, float | None]]


@dataclass(frozen=True)
class Band:
    """A stretch of time that is shaded, and the inner part of it, if any, that is darker."""

    name: str
    start: float
    end: float
    inner: tuple[float, float] | None = None


@dataclass(frozen=True)
class Scale:
    """Values from `low` to `high`, up the chart; each step of a logarithmic one is a power of ten."""

    low: float
    high: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """Return the place of the value, 0 at the bottom and 1 at the top."""
        if self.log:
            value, low, high = (math.log10(max(each, self.low)) for each in (value, self.low, self.high))
        else:
            low, high = self.low, self.high
        return min(1.0, max(0.0, (value - low) / (high - low))) if high > low else 0.0

    def ticks(self) -> list[float]:
        """Return the values at which a line is drawn across."""
        if self.log:
            first, last = round(math.log10(self.low)), round(math.log10(self.high))
            return [10.0**power for power in range(first, last + 1)]
        return [self.low, (self.low + self.high) / 2, self.high]


def logarithmic(values: Sequence[float]) -> Scale:
    """Return the scale of whole powers of ten that holds the values."""
    positive = [value for value in values if value > 0]
    if not positive:
        return Scale(0.001, 1, log=True)
    low, high = math.floor(math.log10(min(positive))), math.ceil(math.log10(max(positive)))
    return Scale(10.0**low, 10.0 ** max(high, low + 1), log=True)


def linear(values: Sequence[float], *, least: float = 1.0) -> Scale:
    """Return the scale from 0 to a round number above the values."""
    top = max([*values, least])
    step = 10.0 ** math.floor(math.log10(top))
    return Scale(0.0, next(step * times for times in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if step * times >= top * 0.999))


def chart(
    title: str, unit: str, lines: Sequence[Line], scale: Scale, *, bands: Sequence[Band], span: tuple[float, float]
) -> str:
    """Return the chart as an SVG element; `unit` is one of "s", "/s", "%", "B" and nothing."""
    start, end = span
    inner = WIDTH - LEFT - RIGHT

    def x(at: float) -> float:
        return LEFT + inner * min(1.0, max(0.0, (at - start) / max(end - start, 1e-9)))

    def y(value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - scale(value))

    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">',
        *(
            f'<rect class="band" x="{x(band.start):.1f}" y="{TOP}" width="{max(x(band.end) - x(band.start), 1.5):.1f}" '
            f'height="{HEIGHT - TOP - BOTTOM}"><title>{escape(band.name)}</title></rect>'
            for band in bands
        ),
        *(
            f'<rect class="core" x="{x(first):.1f}" y="{TOP}" width="{max(x(last) - x(first), 0.0):.1f}" '
            f'height="{HEIGHT - TOP - BOTTOM}"/>'
            for first, last in (band.inner for band in bands if band.inner is not None)
        ),
    ]
    for value in scale.ticks():
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>')
        parts.append(f'<text class="tick" x="{LEFT - 6}" y="{y(value) + 4:.1f}">{_shown(value, unit)}</text>')
    moments = _moments(start, end)
    parts += [f'<text class="moment" x="{x(at):.1f}" y="{HEIGHT - 5}">{at:g} s</text>' for at in moments]
    for line in lines:
        for piece in _pieces(line.points):
            path = " ".join(f"{x(at):.1f},{y(value):.1f}" for at, value in piece)
            if len(piece) == 1:
                at, value = piece[0]
                path += f" {x(at) + 1.5:.1f},{y(value):.1f}"
            parts.append(
                f'<polyline class="{line.style}" points="{path}"><title>{escape(line.name)}</title></polyline>'
            )
    return "".join([*parts, "</svg>"])


def _pieces(points: Sequence[tuple[float, float | None]]) -> list[list[tuple[float, float]]]:
    """Return the stretches without a gap."""
    pieces: list[list[tuple[float, float]]] = [[]]
    for at, value in points:
        if value is None:
            pieces.append([])
        else:
            pieces[-1].append((at, value))
    return [piece for piece in pieces if piece]


def _moments(start: float, end: float) -> list[float]:
    wide = max(end - start, 1e-3) / TICKS
    power = 10.0 ** math.floor(math.log10(wide))
    step = next(power * times for times in (1, 2, 5, 10) if power * times >= wide)
    first = math.ceil(start / step)
    return [round(place * step, 6) for place in range(first, math.floor(end / step) + 1)]


def _shown(value: float, unit: str) -> str:
    if unit == "s":
        return f"{value:g} s" if value >= 1 else f"{value * 1000:g} ms"
    if unit == "B":
        return words.size(value)
    return f"{value * 100:g} %" if unit == "%" else f"{value:g}{unit}"
