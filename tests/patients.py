"""Patients who want slots and look at slots, and tell what they were told as operations of a history."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from http.client import HTTPConnection, HTTPException

from pytest_resilience import Call, Fate, History, Operation, Register

CALLS_PER_SLOT = 8  # few for each, as the search for an order is exponential in what overlaps or is unknown
FREE = Register(True)  # a slot: free until somebody has booked it


def patients(url: str) -> Callable[[Call], Operation]:
    """Return an action: to book a slot that others want too, or to look at one.

    A slot is a register: to book is to compare-and-set it from free to taken, to look is to read it.
    """
    host = url.removeprefix("http://")

    def patient(call: Call) -> Operation:
        slot, look = call.index // CALLS_PER_SLOT + 1, call.random.random() < 0.5
        asked = Operation(kind="read" if look else "cas", key=slot, value=None if look else (True, False))
        booking = json.dumps({"slot": slot, "patient": f"patient {call.index}"})
        with closing(HTTPConnection(host, timeout=5)) as connection:
            try:
                if look:
                    connection.request("GET", f"/slots/{slot}")
                else:
                    connection.request("POST", "/bookings", booking)
                answer = connection.getresponse()
                told = json.loads(answer.read())
            except (OSError, HTTPException):
                return asked.unknown()
        if answer.status == 503:
            return asked.failed() if told["outcome"] == "not done" else asked.unknown()
        return asked.ok(told["free"] if look else {201: True, 409: False}[answer.status])

    return patient


def given(told: History) -> list[int]:
    """Return the slots whose patients were told that they have them."""
    return [int(str(each.key)) for each in told.only("cas", fate=Fate.OK) if each.result is True]
