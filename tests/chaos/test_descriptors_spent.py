"""An instance has no descriptor left. Who is connected is served; who knocks is not let in while there is none."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from urllib.request import urlopen

import pytest
from harness import Clinic

from pytest_resilience import SLO, Get, Loader, wait_until

SERVED = SLO(p95=0.5)
SPARE = 8


@pytest.mark.chaos
@pytest.mark.failure_mode(
    "An instance has no descriptor left",
    symptom=(
        "Those who are connected are served; new connections wait at the door or are reset, those of the balancer's"
        " health check among them."
    ),
    detection=(
        "`process_open_fds` (or `ls /proc/PID/fd`) at its limit; `/health` times out while requests on open "
        "connections are answered."
    ),
    mitigation=[
        "See what they are (`lsof -p PID`): silent clients, or a leak of the clinic's own.",
        "Silent clients: have the balancer close idle ones, and limit connections per address.",
        ("A leak: restart the instance, keep the list that lsof gave, and raise LimitNOFILE only for the time being."),
    ],
)
@pytest.mark.catches("shut-after-shortage", by="spent.healing")
def test_an_instance_without_descriptors_serves_who_it_has(clinic: Clinic, load: Loader) -> None:
    app = clinic()
    with load(Get(f"{app.url}/slots"), rate=60, connections=6) as run:
        run.hold(1)
        before = app.usage().descriptors
        if before is None:
            pytest.skip("descriptors cannot be counted here; run as root")
        with ExitStack() as crowd:
            with app.capped(fds=before + SPARE) as spent:
                for _ in range(3 * SPARE):  # connections that say nothing
                    crowd.enter_context(socket.create_connection((app.host, app.port), timeout=5))
                wait_until(lambda: (app.usage().descriptors or 0) >= before + SPARE, within=5)
                run.hold(1.5)
                with pytest.raises(OSError, match="timed out|reset|Connection|response"):
                    urlopen(f"{app.url}/health", timeout=0.3)  # it waits at the door, or the door is shut
        assert urlopen(f"{app.url}/health", timeout=10).status == 200
        run.hold(1.5)
    assert spent.receipt.counts["descriptors_open"] == before + SPARE
    assert run.samples.statuses <= {200, 503}
    assert spent.healed - spent.healing < 5  # from the moment that there are some, it lets in who knocks
    assert SERVED.met_by(run.after(spent))
    assert "Traceback" not in app.logs()
