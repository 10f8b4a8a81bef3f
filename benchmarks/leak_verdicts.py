"""How often the verdict on a leak errs: simulated services that leak and that do not, so many of each kind.

    python benchmarks/leak_verdicts.py [1000]

Wrong is "missed" of what does not leak, and "met" of what does.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "unit" / "measure"))

from courses import CALM, LEAKS, counted, course, lives

from pytest_resilience.measure.growth import Figure, judged


def outcome(figure: Figure) -> str:
    return judged(figure, warmup=600, share=0.25, allowed=None).outcome.value


def main() -> None:
    many = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    seeds = [f"benchmark {number}" for number in range(many)]
    kinds = [(name, lambda seed, shape=shape: course(shape, seed)) for name, shape in CALM.items()]
    kinds += [("restarts", lambda seed: lives(CALM["a cache that fills"], seed)), ("connections", counted)]
    kinds += [(name, lambda seed, shape=shape: course(shape, seed)) for name, shape in LEAKS.items()]
    kinds += [("a leak and restarts", lambda seed: lives(LEAKS["a leak"], seed))]
    print("| | met | inconclusive | missed |")
    print("|---|---|---|---|")
    for name, make in kinds:
        found = Counter(outcome(make(seed)) for seed in seeds)
        shares = (f"{found[one] / many:.1%}" for one in ("met", "inconclusive", "missed"))
        print(f"| {name} | {' | '.join(shares)} |", flush=True)


if __name__ == "__main__":
    main()
