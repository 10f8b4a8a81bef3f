"""What it costs to check a history for linearizability.

    python benchmarks/consistency.py

100 histories of 100 operations on one register by five processes, a tenth of them without an answer: those of a right
register, and those of one that answers some reads with the value before. Then one of 10,000 operations on 100 keys.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "unit" / "consistency"))
from histories import of_register

from pytest_resilience import Consistency, linearizable


def timed(title: str, check: Callable[[], list[Consistency]]) -> None:
    began = time.perf_counter()
    found = check()
    took = time.perf_counter() - began
    outcomes = ", ".join(sorted({f"{sum(a.outcome is b.outcome for a in found)} {b.outcome.value}" for b in found}))
    print(f"  {title:46} {took:7.2f} s   {outcomes}")


def main() -> None:
    chance = random.Random(0)
    right = [of_register(chance, 100) for _ in range(100)]
    stale = [of_register(chance, 100, stale=0.3) for _ in range(100)]
    keyed = [replace(each, key=key) for key in range(100) for each in of_register(chance, 100)]
    timed("100 histories of 100, right", lambda: [linearizable(each) for each in right])
    timed("100 histories of 100, stale, made small", lambda: [linearizable(each) for each in stale])
    timed("one of 10,000 on 100 keys, right", lambda: [linearizable(keyed)])


if __name__ == "__main__":
    main()
