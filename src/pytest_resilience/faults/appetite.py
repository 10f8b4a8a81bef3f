"""Appetite: what `--resilience-monkey` says of whom to strike, and how often."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pytest_resilience.errors import UsageError

FLAG = "--resilience-monkey"
_EXPECTED = (
    "expected names and a probability, as in redis,postgres:0.1 or redis:0.5,app:0.1; a probability above 0 and at "
    "most 1 holds for the names before it that have none"
)


@dataclass(frozen=True)
class Appetite:
    """The names of targets, each with the probability that a test that uses it has it struck."""

    shares: tuple[tuple[str, float], ...]

    @classmethod
    def parse(cls, text: str) -> Appetite:
        """Read `redis,postgres,app:0.1`.

        >>> Appetite.parse("redis,app:0.1,database:1").shares
        (('redis', 0.1), ('app', 0.1), ('database', 1.0))

        :raises UsageError: it cannot be meant.
        """
        shares: dict[str, float] = {}
        waiting: list[str] = []
        for part in text.split(","):
            name, colon, share = (piece.strip() for piece in part.partition(":"))
            if not re.fullmatch(r"[\w.\-]+", name):
                raise UsageError(f"{FLAG}={text}: {part!r} names no target; {_EXPECTED}")
            if name in shares or name in waiting:
                raise UsageError(f"{FLAG}={text}: {name} is named twice; {_EXPECTED}")
            waiting.append(name)
            if colon:
                if not re.fullmatch(r"[0-9]*\.?[0-9]+", share) or not 0 < float(share) <= 1:
                    raise UsageError(f"{FLAG}={text}: {share!r} is no probability; {_EXPECTED}")
                shares |= dict.fromkeys(waiting, float(share))
                waiting.clear()
        if waiting:
            raise UsageError(f"{FLAG}={text}: {', '.join(waiting)} has no probability; {_EXPECTED}")
        return cls(tuple(shares.items()))

    def __str__(self) -> str:
        return ",".join(f"{name}:{share:g}" for name, share in self.shares)
