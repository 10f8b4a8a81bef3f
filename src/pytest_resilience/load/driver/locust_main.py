"""The program of a Locust process: `python -m pytest_resilience.load.driver.locust_main FD OFFSET`.

It is Locust's own command line with a session attached: FD is a socket to the test, on which the plan comes
first. OFFSET is what the test's clock shows more than this host's, in seconds.
"""

from __future__ import annotations

# First of all, so that it can patch what everything else imports.
import locust  # isort: split

import os
import random
import socket
import sys
import traceback

from locust.main import main as locust_main

from pytest_resilience.load.driver.locust_session import Session
from pytest_resilience.load.driver.locust_wire import Plan, Unpacker


def main(descriptor: int, offset: float) -> None:
    """Take a plan from the socket `descriptor`, and run Locust by it."""
    line, unpacker = socket.socket(fileno=descriptor), Unpacker()
    plan = receive(line, unpacker)
    if plan is None:
        return
    if plan.directory:
        # It started in a directory of our own, so that nothing of the user's could stand in for a module.
        os.chdir(plan.directory)
    sys.path += [entry for entry in plan.path if entry not in sys.path]
    random.seed(f"{plan.seed}/{plan.share}")
    session = Session(line, plan, unpacker, offset=offset)
    session.attach(locust.events)
    sys.argv = ["locust", "-f", plan.file, *plan.arguments]
    try:
        locust_main()
    except BaseException as end:
        if not session.ready:
            why = "" if isinstance(end, SystemExit) else f":\n\n{traceback.format_exc()}"
            session.failed("SetupFailed", f"Locust ended before it could begin{why}")
        raise


def receive(line: socket.socket, unpacker: Unpacker) -> Plan | None:
    """Return the plan; None if the test ended before it sent one."""
    while data := line.recv(1 << 16):
        for head, _ in unpacker.feed(data):
            return Plan.of(head) if head["kind"] == "plan" else None
    return None


if __name__ == "__main__":
    status: object = 1
    try:
        main(int(sys.argv[1]), float(sys.argv[2]))
        status = 0
    except SystemExit as end:
        status = end.code
    except BaseException:  # noqa: BLE001  (printed, and told by the status)
        traceback.print_exc()
    # A user's thread that hangs must not keep the process, and all results are on their way.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status if isinstance(status, int) else bool(status))
