"""A sample: what became of one request, call or message; and a strain: how its driver was doing.

All instants are `time.monotonic()` seconds, which every process of one host shares.
"""

from __future__ import annotations

import math
from typing import NamedTuple

IMPATIENT = "impatient"
"""The category of a call that its own user gave up on purpose: it is counted apart, and is neither a success nor a
failure of the service."""


class Sample(NamedTuple):
    """What became of one arrival.

    Its latency is `done - due`. `due` is the moment at which it should have been sent, whether or
    not anything was able to send it, so that neither a stalled service nor a stalled driver hides
    what a user would have waited (Tene's "coordinated omission").
    """

    due: float
    """When it was due. In a closed model, where nothing is planned, when its user was ready for it."""
    sent: float
    """When the driver set about it. Waiting for a connection that the service holds up comes after
    this moment, for that is the service's doing; `sent - due` is the driver's own delay alone."""
    done: float
    """When it finished, well or badly: a failure counts at the time it took."""
    status: int | None
    """The status of the response; None for what has none, such as a refused connection or a callable."""
    error: str | None
    """None for a success, else a short category: "timeout", "refused", "status 503", "KeyError"."""
    name: str
    """The name of what was done, such as "GET /slots"."""
    returned: object = None
    """What the action returned."""
    size: int = 0
    """The bytes that were transferred in its course, where its driver counts them."""


class Strain(NamedTuple):
    """How hard it was for one driver process to keep up, recorded at regular intervals."""

    at: float
    """When it was recorded."""
    cpu: float
    """The share of one core that the process used since its last record, 0 to 1."""
    lag: float
    """How much later than asked for the process's loop woke up, in seconds."""
    busy: float = math.nan
    """How busy the processors of the machine were at that time, 0 to 1; nan where that was not read."""
