"""Courses of memory and connections, drawn from a seed: of services that leak, and of services that do not."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from pytest_resilience.measure.growth import Figure

MB = 2**20
EVERY = 0.25
Shape = Callable[[random.Random, int], list[float]]


def alike(draw: random.Random, n: int, share: float, spread: float) -> list[float]:
    """Noise in which each value has `share` of the one before."""
    value, found = draw.gauss(0, spread), []
    for _ in range(n):
        found.append(value)
        value = share * value + draw.gauss(0, spread * math.sqrt(1 - share * share))
    return found


def noise(draw: random.Random, n: int) -> list[float]:
    kind = draw.randrange(3)
    if kind == 0:
        spread = draw.choice([0.05, 0.3, 1]) * MB
        return [draw.gauss(0, spread) for _ in range(n)]
    if kind == 1:
        return alike(draw, n, draw.uniform(0.5, 0.98), draw.choice([0.1, 0.3, 0.6]) * MB)
    return [abs(value) for value in alike(draw, n, 0.8, 0.5 * MB)]


def sawtooth(draw: random.Random, n: int) -> list[float]:
    """A garbage collection that comes now and then: 4 to 50 times in all."""
    period, height, phase = draw.uniform(1 / 50, 1 / 4) * n, draw.uniform(0.5, 20) * MB, draw.random()
    return [height * ((at / period + phase) % 1) for at in range(n)]


def stepped(times: int) -> Shape:
    def shape(draw: random.Random, n: int) -> list[float]:
        steps = [(draw.random() * n, draw.uniform(0.3, 20) * MB) for _ in range(times)]
        return [one + sum(more for at, more in steps if place > at) for place, one in enumerate(noise(draw, n))]

    return shape


def filling(draw: random.Random, n: int) -> list[float]:
    """A cache that fills, ever more slowly."""
    pace, most = draw.uniform(0.03, 0.12) * n, draw.uniform(5, 40) * MB
    return [one + most * (1 - math.exp(-at / pace)) for at, one in enumerate(noise(draw, n))]


def walking(draw: random.Random, n: int) -> list[float]:
    """A cache that fills by random pieces until it is full."""
    most, end, held, found = draw.uniform(5, 40) * MB, draw.uniform(0.1, 0.45), 0.0, []
    piece = most / (end * n)
    for one in noise(draw, n):
        held = min(most, held + max(0.0, draw.gauss(piece, piece)))
        found.append(one + held)
    return found


def leaking(over: Shape, low: float, high: float, *, piece: float = 0) -> Shape:
    """Growth by so many times what is let pass, on top of something else; by pieces, as allocators take memory."""

    def shape(draw: random.Random, n: int) -> list[float]:
        grown = draw.uniform(low, high) * 2 * MB / 0.75
        return [
            one + (grown * at / n if not piece else grown * at / n // (piece * MB) * piece * MB)
            for at, one in enumerate(over(draw, n))
        ]

    return shape


CALM: dict[str, Shape] = {
    "noise": noise, "a sawtooth": sawtooth, "a step": stepped(1), "two steps": stepped(2),
    "a cache that fills": filling,
    "a cache that fills by pieces": walking,
}  # fmt: skip
LEAKS: dict[str, Shape] = {
    "a small leak": leaking(noise, 1.1, 3), "a leak": leaking(noise, 4, 20), "a leak below a sawtooth":
    leaking(sawtooth, 5, 20), "a leak by pieces": leaking(noise, 4, 20, piece=0.7),
}  # fmt: skip


def course(shape: Shape, seed: str) -> Figure:
    """The course of one figure; memory is at most 100 MB, so that 2 MiB of growth is what is let pass."""
    draw = random.Random(seed)
    n, base = draw.choice([240, 600, 1200]), draw.uniform(30, 80) * MB
    return Figure("app memory", (tuple((at * EVERY, base + one) for at, one in enumerate(shape(draw, n))),))


def lives(shape: Shape, seed: str, *, most: int = 12) -> Figure:
    """The course of a service that is killed now and then, and begins from the same each time."""
    draw = random.Random(seed)
    base = draw.uniform(30, 80) * MB
    found, at = [], 0.0
    for _ in range(draw.randrange(2, most)):
        values = shape(draw, draw.choice([100, 150, 200]))
        found.append(tuple((at + place * EVERY, base + one) for place, one in enumerate(values)))
        at = found[-1][-1][0] + 1
    return Figure("app memory", tuple(found))


def counted(seed: str) -> Figure:
    """Connections that come and go."""
    draw = random.Random(seed)
    n, usual = draw.choice([240, 600, 1200]), draw.randrange(5, 60)
    values = alike(draw, n, draw.uniform(0.5, 0.9), draw.uniform(0.3, 1.5))
    return Figure("db connections", (tuple((at * EVERY, max(0, usual + round(one))) for at, one in enumerate(values)),))
