"""What was skipped in CI, and whether somebody knows why: `skips.py skips.ini LANE.xml...`.

Each lane of CI leaves a JUnit report, named after the lane. A test may be skipped in one of them

- for a reason that `skips.ini` has as one of another lane's, if the test has passed in another lane of this run;
- for a reason that it has as one of this machine's, if no more tests have it than it says.

Everything else is printed, and the exit status is 1: what nothing has tested must not look like what was tested.
"""

from __future__ import annotations

import configparser
import re
import sys
import xml.etree.ElementTree as ET
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Rule:
    """A reason to skip that is known."""

    name: str
    reason: re.Pattern[str]
    most: int | None  # tests in a lane; None: as many as have passed in another lane
    why: str


@dataclass
class Lane:
    """What the tests of a lane came to."""

    name: str
    passed: set[str] = field(default_factory=set)
    skipped: list[tuple[str, str]] = field(default_factory=list)  # test, reason


def read_rules(path: Path) -> list[Rule]:
    """Read the known reasons.

    :raises SystemExit: the file says something that is not meant.
    """
    file = configparser.ConfigParser(interpolation=None)
    file.read_string(path.read_text())
    rules = []
    for name in file.sections():
        said = dict(file[name])
        if unknown := said.keys() - {"reason", "most", "elsewhere", "why"}:
            raise SystemExit(
                f"{path}: [{name}] has {', '.join(sorted(unknown))}; known are reason, most, elsewhere, why"
            )
        if ("most" in said) == (said.get("elsewhere") == "yes") or not said.get("why") or not said.get("reason"):
            raise SystemExit(f"{path}: [{name}] needs reason, why, and either `elsewhere = yes` or `most = NUMBER`")
        most = int(said["most"]) if "most" in said else None
        rules.append(Rule(name, re.compile(said["reason"]), most, said["why"]))
    return rules


def read_lane(path: Path) -> Lane:
    """Read the report of a lane.

    :raises SystemExit: it is of no test.
    """
    lane = Lane(path.stem)
    for case in ET.parse(path).iter("testcase"):
        test = f"{case.get('classname', '')}::{case.get('name', '')}"
        skip = case.find("skipped")
        if skip is not None:
            # What is skipped while it is collected has its reason in the text; what is expected to fail is no pass.
            reason = f"{skip.get('message', '')} {skip.text or ''}"
            kind = "xfail: " if skip.get("type") == "pytest.xfail" else ""
            lane.skipped.append((test, kind + " ".join(reason.split())))
        elif case.find("failure") is None and case.find("error") is None:
            lane.passed.add(test)
    if not lane.passed:
        raise SystemExit(f"{path}: no test has passed in this lane, so that its skips say nothing")
    return lane


def judge(rules: Sequence[Rule], lanes: Sequence[Lane]) -> list[str]:
    """Return what is wrong, a line each."""
    wrong = []
    passed = defaultdict(set)
    for lane in lanes:
        for test in lane.passed:
            passed[test].add(lane.name)
    for lane in lanes:
        counts: Counter[Rule] = Counter()
        for test, reason in lane.skipped:
            rule = next((rule for rule in rules if rule.reason.search(reason)), None)
            if rule is None:
                wrong.append(f"{lane.name}: {test} is skipped for a reason that nobody knows: {reason}")
            elif rule.most is None and not passed[test]:
                wrong.append(f"{lane.name}: {test} is skipped [{rule.name}] and has passed in no other lane: {reason}")
            else:
                counts[rule] += 1
        wrong += [
            f"{lane.name}: {count} tests are skipped [{rule.name}], and {rule.most} may be"
            for rule, count in counts.items()
            if rule.most is not None and count > rule.most
        ]
    return wrong


def main(arguments: Sequence[str]) -> int:
    """Judge the lanes, and say how many tests each has skipped."""
    if len(arguments) < 2:
        raise SystemExit("usage: skips.py skips.ini LANE.xml...")
    rules = read_rules(Path(arguments[0]))
    lanes = [read_lane(Path(path)) for path in arguments[1:]]
    for lane in lanes:
        print(f"{lane.name}: {len(lane.passed)} passed, {len(lane.skipped)} skipped")
    wrong = judge(rules, lanes)
    for line in wrong:
        print(line)
    if wrong:
        print(
            f"{arguments[0]} names the reasons that are known; better than a new one there is a lane that runs the test"
        )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
