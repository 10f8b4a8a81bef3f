"""A/A: the same load on the same server again and again, and how often the baseline's rule sees a regression.

    python benchmarks/baseline_aa.py [seconds]

For about as many seconds as are given (50, at most 60), runs of load (300 a second for 1.2 s) are made on a server
that answers 21 bytes. Each run from the sixth on is compared with up to 20 before it, as `--resilience-baseline` does:
every regression is a false alarm. Then as if it had taken 1.5, 2 and 3 times as long: those are to be found.
Two processors shared with whatever else runs is a hard case, and a fair one: so are those of CI.
"""

from __future__ import annotations

import math
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from statistics import fmean, stdev

from pytest_resilience.janitor import Janitor
from pytest_resilience.load.prepare import prepare
from pytest_resilience.load.request import Get
from pytest_resilience.measure.regression import ENOUGH, KEPT, Figure, compare
from pytest_resilience.measure.verdict import Outcome
from pytest_resilience.report.baseline.taking import of_samples

SERVER = Path(__file__).with_name("load_server.py")
RATE, LASTS = 300, 1.2
SLOWER = (1.0, 1.5, 2.0, 3.0)


def run_once(janitor: Janitor, url: str) -> dict[str, Figure] | None:
    """Return the figures of a run; None where the generator was the limit, of which the plugin takes none either."""
    with prepare(Get(url), launcher=janitor, rate=RATE) as run:
        run.hold(LASTS)
    if run.samples.saturation():
        return None
    return dict(of_samples(run.samples))


def slowed(figure: Figure, times: float) -> Figure:
    if figure.kind != "latency":
        return figure
    low, high = (None if one is None else one * times for one in (figure.low, figure.high))
    return replace(figure, value=figure.value * times, low=low, high=high)


def main() -> None:
    seconds = min(60.0, float(sys.argv[1]) if len(sys.argv) > 1 else 50.0)
    runs: list[dict[str, Figure]] = []
    limited = 0
    with ExitStack() as stack:
        server = stack.enter_context(subprocess.Popen([sys.executable, str(SERVER)], stdout=subprocess.PIPE, text=True))
        stack.callback(server.kill)
        assert server.stdout is not None
        url = f"http://127.0.0.1:{int(server.stdout.readline())}/"
        janitor = Janitor.start()
        stack.callback(janitor.close)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            figures = run_once(janitor, url)
            limited += figures is None
            runs += [figures] if figures is not None else []
    names = sorted({name for run in runs for name in run})
    print(f"{len(runs)} runs in {seconds:g} s, and {limited} that the generator limited; {len(names)} figures each")
    for name in names:
        logs = [math.log(max(run[name].value, 1e-9)) for run in runs if name in run and run[name].value]
        if len(logs) > 1:
            print(f"  {name:8} {math.exp(fmean(logs)) * 1e3:8.3f} ms, runs differ by {stdev(logs):.0%}")
    for times in SLOWER:
        found = Counter(outcome for at in range(ENOUGH, len(runs)) for outcome in compared(runs, at, times, len(names)))
        sessions = sum(Outcome.MISSED in compared(runs, at, times, len(names)) for at in range(ENOUGH, len(runs)))
        what = "as it was" if times == 1 else f"{times:g} times the latency"
        told = ", ".join(f"{count} {outcome.value}" for outcome, count in found.items())
        if times == 1:
            print(*alarms(runs, len(names)), sep="\n", end="")
        print(f"{what}: {sessions} of {max(0, len(runs) - ENOUGH)} sessions alarmed; figures: {told}")


def compared(runs: list[dict[str, Figure]], at: int, times: float, among: int) -> list[Outcome]:
    """Return what came of each figure of one run."""
    earlier = runs[max(0, at - KEPT) : at]
    return [
        compare([run[name] for run in earlier if name in run], slowed(figure, times), among=among).outcome
        for name, figure in runs[at].items()
    ]


def alarms(runs: list[dict[str, Figure]], among: int) -> list[str]:
    """Return every false alarm in full."""
    told = []
    for at in range(ENOUGH, len(runs)):
        for name, figure in runs[at].items():
            found = compare([run[name] for run in runs[max(0, at - KEPT) : at] if name in run], figure, among=among)
            told += [f"  false alarm in run {at + 1}: {name} {found.text}\n"] if found.outcome is Outcome.MISSED else []
    return told


if __name__ == "__main__":
    main()
