"""A profile: how much load there is at each moment, as a pure function of elapsed time.

A profile is a row of straight pieces, each going from one level to another. The level is arrivals
per second where it is given to `rate=`, and a number of users where it is given to `users=`.

The k-th arrival (from 0) is due when the area under the profile reaches k: for a constant rate r
that is k / r, and on a slope it is the root of `start * t + slope * t² / 2 = k`, in the form
that loses no digits when the slope is small. So arrivals are exact and never accumulate an error.

`poisson(...)` scatters them: the areas between arrivals are then not 1 but exponentially distributed
with mean 1, drawn from the run's seed. That is a Poisson process whose intensity is the level at each
moment (Cinlar, Introduction to Stochastic Processes, 1975, section 4.7: change of time).
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

from pytest_resilience.errors import UsageError

# An arrival this close (as a share of one arrival) to the end of a piece belongs to the next one.
EDGE = 1e-9


@dataclass(frozen=True)
class Piece:
    """A straight piece of a profile, from `start` to `end` in `lasting` seconds.

    :ivar scattered: whether its arrivals are those of a Poisson process, rather than evenly spaced.
    """

    start: float
    end: float
    lasting: float
    scattered: bool = False

    @property
    def slope(self) -> float:
        """The change of the level per second."""
        return 0.0 if math.isinf(self.lasting) else (self.end - self.start) / self.lasting

    def cumulative(self, t: float) -> float:
        """Return the area under the piece up to `t` seconds from its beginning."""
        t = min(t, self.lasting)
        if math.isinf(t):
            return math.inf if self.start else 0.0
        return self.start * t + self.slope * t * t / 2

    def when(self, area: float) -> float:
        """Return the time from its beginning at which the area reaches `area`; inverse of `cumulative`."""
        if area <= 0:
            return 0.0
        slope = self.slope
        if not slope:
            return area / self.start
        # Below zero only by rounding, at the very end of a slope down to zero.
        root = math.sqrt(max(0.0, self.start * self.start + 2 * slope * area))
        return 2 * area / (self.start + root)


@dataclass(frozen=True, repr=False)
class Profile:
    """How much load there is at each moment from the start of a run.

    Made by `steady`, `ramp`, `spike` and `stairs`, and joined in time with `+`:

    >>> ramp(0, 1000, over=300) + steady(1000, lasting=600)
    <Profile ramp 0 → 1000 over 300 s, then steady 1000 for 600 s>
    """

    pieces: tuple[Piece, ...]
    text: str

    @property
    def total(self) -> float:
        """The seconds after which it is over; inf where it never is."""
        return sum(piece.lasting for piece in self.pieces)

    def at(self, t: float) -> float:
        """Return the level at `t` seconds from the start; 0 before the start and once it is over."""
        if t < 0:
            return 0.0
        for piece in self.pieces:
            if t < piece.lasting:
                return piece.start + piece.slope * t
            t -= piece.lasting
        return 0.0

    def cumulative(self, t: float) -> float:
        """Return how many arrivals are due in the first `t` seconds, as a real number."""
        area = 0.0
        for piece in self.pieces:
            if t <= 0:
                break
            area += piece.cumulative(t)
            t -= piece.lasting
        return area

    @property
    def peak(self) -> float:
        """The highest level."""
        return max(max(piece.start, piece.end) for piece in self.pieces)

    @property
    def scattered(self) -> bool:
        """Whether some of its arrivals are drawn rather than evenly spaced."""
        return any(piece.scattered for piece in self.pieces)

    def due(self, k: int, *, seed: int = 0) -> float:
        """Return the seconds from the start at which arrival `k` (from 0) is due; inf if it never is."""
        return next(self.dues(k, seed=seed), math.inf)

    def dues(self, first: int = 0, step: int = 1, *, seed: int = 0) -> Iterator[float]:
        """Yield when the arrivals `first`, `first + step`, … are due, until the profile is over.

        :param seed: what scattered arrivals are drawn from; the same seed gives the same arrivals to every share.
        """
        draw = random.Random(f"{seed}/arrivals").expovariate
        k, wanted, begin, before = 0, first, 0.0, 0.0
        mark = draw(1.0) if self.pieces and self.pieces[0].scattered else 0.0  # the area at which arrival k is due
        for piece in self.pieces:
            area = piece.cumulative(math.inf)
            last = before + area - (0 if piece.scattered else EDGE)
            when, scattered = piece.when, piece.scattered
            while mark < last:
                if k == wanted:
                    yield begin + when(mark - before)
                    wanted += step
                if scattered:
                    k, mark = k + 1, mark + draw(1.0)
                else:  # straight to the one that is wanted, unless the piece ends before it
                    many = wanted - k
                    many = many if mark + many < last else math.ceil(last - mark)
                    k, mark = k + many, mark + many
            begin += piece.lasting
            before += area

    def climbs(self, first: int = 0, step: int = 1) -> Iterator[tuple[float, int]]:
        """Yield (when, user) for each of the users `first`, `first + step`, … as the level reaches or leaves it.

        User k is wanted while the level is above k; those who come are given as k, those who go as -k - 1.
        """
        begin, wanted = 0.0, 0
        for piece in self.pieces:
            for level, rising in ((piece.start, None), (piece.end, piece)):
                goal = math.ceil(level - EDGE)
                users = range(wanted, goal) if goal > wanted else range(wanted - 1, goal - 1, -1)
                for user in users:
                    if user % step != first:
                        continue
                    after = 0.0 if rising is None else max(0.0, (user - piece.start) / rising.slope)
                    yield begin + after, user if goal > wanted else -user - 1
                wanted = goal
            begin += piece.lasting

    def __add__(self, other: Profile) -> Profile:
        if not isinstance(other, Profile):
            return NotImplemented
        if math.isinf(self.total):
            raise UsageError(f"{self!r} never ends, so nothing can follow it: give it an end with lasting=")
        return Profile(self.pieces + other.pieces, f"{self.text}, then {other.text}")

    def __repr__(self) -> str:
        return f"<Profile {self.text}>"


def steady(level: float, *, lasting: float = math.inf) -> Profile:
    """Return a constant level, for `lasting` seconds or until the run ends."""
    _level("steady", "level", level)
    _duration("steady", "lasting", lasting, endless=True)
    ends = "" if math.isinf(lasting) else f" for {lasting:g} s"
    return Profile((Piece(level, level, lasting),), f"steady {level:g}{ends}")


def ramp(start: float, end: float, *, over: float) -> Profile:
    """Return a straight line from `start` to `end` that takes `over` seconds and is then over."""
    _level("ramp", "start", start)
    _level("ramp", "end", end)
    _duration("ramp", "over", over)
    return Profile((Piece(start, end, over),), f"ramp {start:g} → {end:g} over {over:g} s")


def spike(base: float, peak: float, *, at: float, lasting: float, total: float) -> Profile:
    """Return `base` with one jump to `peak` after `at` seconds, `lasting` seconds long; over after `total`."""
    _level("spike", "base", base)
    _level("spike", "peak", peak)
    _duration("spike", "lasting", lasting)
    _duration("spike", "total", total)
    if not 0 <= at < math.inf or at + lasting > total:
        raise UsageError(
            f"spike: at={at} and lasting={lasting} have to lie within total={total} seconds; "
            "make total longer, or the spike earlier or shorter"
        )
    parts = (Piece(base, base, at), Piece(peak, peak, lasting), Piece(base, base, total - at - lasting))
    text = f"spike {base:g} → {peak:g} at {at:g} s for {lasting:g} s, {total:g} s in all"
    return Profile(tuple(piece for piece in parts if piece.lasting > 0), text)


def stairs(*levels: float, each: float) -> Profile:
    """Return the `levels` one after the other, `each` seconds of each."""
    if not levels:
        raise UsageError("stairs: give at least one level, such as stairs(100, 200, 400, each=10)")
    for level in levels:
        _level("stairs", "level", level)
    _duration("stairs", "each", each)
    steps = tuple(Piece(level, level, each) for level in levels)
    return Profile(steps, f"stairs {', '.join(f'{level:g}' for level in levels)}, {each:g} s each")


def poisson(level: float | Profile) -> Profile:
    """Return `level`, a number or a profile, with the arrivals of a Poisson process instead of evenly spaced ones.

    That is how independent users come: the same number in the mean, in clusters and with gaps. They are
    drawn from the seed, so a replay has the same. For `rate=` alone.

    >>> poisson(200)
    <Profile poisson steady 200>
    """
    profile = as_profile(level, "poisson")
    return Profile(tuple(replace(piece, scattered=True) for piece in profile.pieces), f"poisson {profile.text}")


def as_profile(level: float | Profile, option: str) -> Profile:
    """Return `level` as a profile; a number is a steady level.

    :raises UsageError: it is neither, or asks for nothing at all.
    """
    profile = level if isinstance(level, Profile) else None
    if profile is None:
        if isinstance(level, bool) or not isinstance(level, (int, float)):
            raise UsageError(f"{option}={level!r}: expected a number or a profile such as ramp(0, 100, over=10)")
        _level("load", option, level)
        profile = steady(level)
    if option == "users" and profile.scattered:
        raise UsageError(f"users={profile!r}: poisson says when arrivals come, so it is for rate=; users have think=")
    if not any(piece.start or piece.end for piece in profile.pieces):
        raise UsageError(f"{option}={level!r} asks for no load at all, so nothing could be said of it")
    return profile


def _level(shape: str, name: str, value: float) -> None:
    if not 0 <= value < math.inf:
        raise UsageError(f"{shape}: {name}={value} has to be zero or more, and finite")


def _duration(shape: str, name: str, value: float, *, endless: bool = False) -> None:
    if not value > 0 or (math.isinf(value) and not endless):
        raise UsageError(f"{shape}: {name}={value} has to be more than zero seconds{'' if endless else ', and finite'}")


def check_hold(seconds: float) -> float:
    """Return `seconds` if load can be held for so long.

    :raises UsageError: it cannot.
    """
    if not 0 <= seconds < math.inf:
        raise UsageError(f"hold({seconds}): expected seconds, zero or more")
    return seconds
