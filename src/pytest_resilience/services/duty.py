"""The throttle where no control group can be made: a program that stops processes and lets them go on, in turn.

Run as `python -m pytest_resilience.services.duty PID STARTED SHARE`: the unit's leader, when it started in clock ticks
since the boot, and the share of the time in which its processes run. SIGTERM lets them go on and ends it.
"""

from __future__ import annotations

import signal
import sys
import time

from pytest_resilience.janitor.process import lives
from pytest_resilience.services.family import family, send

PERIOD = 0.04
ANEW = 0.5  # how often the processes are looked up


def main(leader: int, started: int, share: float) -> None:
    """Stop and go on until SIGTERM, or until the leader has ended."""
    over: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: over.append(number))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's is the test's business
    members, looked = family(leader, started), time.monotonic()
    try:
        while not over and lives(leader, started):
            if time.monotonic() - looked > ANEW:
                members, looked = family(leader, started), time.monotonic()
            for number, lasting in ((signal.SIGSTOP, 1 - share), (signal.SIGCONT, share)):
                for member in members:
                    send(member, number)
                time.sleep(PERIOD * lasting)
    finally:
        for member in family(leader, started):
            send(member, signal.SIGCONT)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
