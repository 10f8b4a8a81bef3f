"""What the monkey did over a whole session, in lines: never silent about having struck nobody."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

ALONE = "left alone"


def monkey_lines(appetite: str, told: Iterable[str]) -> list[str]:
    """Return what `--resilience-monkey` came to.

    :param appetite: the option.
    :param told: for each test `Visit.told`, or `ALONE` for one that was left alone.
    """
    told = list(told)
    tests = [dict(part.split("=") for part in one.split(";") if "=" in part) for one in told]
    alone = sum(one == ALONE for one in told)
    exposed = [test for test in tests if test]
    struck = sum("struck" in test.values() for test in exposed)
    outcomes = Counter(outcome for test in exposed for outcome in test.values())
    names = [part.partition(":")[0] for part in appetite.split(",")]
    unused = [name for name in names if not any(name in test for test in exposed)]
    spoken = [f"{outcomes[word]} {word}" for word in ("touched nothing", "too late", "could not") if outcomes[word]]
    could = f"{len(exposed)} {'test that uses' if len(exposed) == 1 else 'tests that use'} {' or '.join(names)}"
    counted = f"struck {struck} of {could}" if struck else f"STRUCK NOBODY of {could}: nothing was shown"
    lines = [f"monkey {appetite}: " + "; ".join([counted, *spoken, *([f"{alone} left alone"] if alone else [])])]
    if unused:
        lines.append(f"monkey {appetite}: no test used anything named {' or '.join(unused)}")
    return lines
