"""Whatever a toxic is told to be, traffic through it ends no server, and the next connection is as good as new."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
from abuse_harness import leaving_nothing
from echo_harness import echo_service
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from links_harness import Server, read_exactly

OWN = ("first", "every", "only_new", "after_bytes", "losing")
KINDS = {
    "latency": ("latency", "jitter"),
    "bandwidth": ("rate", "holding"),
    "slow_close": ("delay",),
    "timeout": ("timeout",),
    "reset_peer": ("timeout", "live"),
    "slicer": ("average_size", "size_variation", "delay"),
    "limit_data": ("bytes",),
    "noop": (),
}
NUMBERS = st.sampled_from([0, 1, -1, 2, 3, 10, 1000, 2**31, 2**63 - 1, -(2**63)]) | st.integers(-(2**63), 2**63 - 1)
TOXICS = st.lists(
    st.sampled_from(sorted(KINDS)).flatmap(
        lambda kind: st.fixed_dictionaries(
            {
                "type": st.just(kind),
                "stream": st.sampled_from(["upstream", "downstream"]),
                "toxicity": st.sampled_from([0, 0.5, 1, 7.5, -1]),
                "attributes": st.dictionaries(st.sampled_from(KINDS[kind] + OWN), NUMBERS),
            }
        )
    ),
    min_size=1,
    max_size=3,
)
FUZZ = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
PATIENCE = 2.0  # seconds for any answer of the API


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = Server("-runtime-metrics", "--seed", "3")
    yield server
    assert server.close() == 0


@pytest.fixture(scope="module")
def port(server: Server) -> Iterator[int]:
    with echo_service() as address:
        state = server.client.create("echo", listen="127.0.0.1:0", upstream=address)
        yield int(state.listen.rpartition(":")[2])


def asked(server: Server, method: str, path: str, body: object = None) -> int:
    began = time.monotonic()
    status = server.ask(method, path, body).status
    assert time.monotonic() - began < PATIENCE
    return status


def says(port: int, words: bytes) -> socket.socket:
    end = socket.create_connection(("127.0.0.1", port), timeout=5)
    with suppress(OSError):  # a toxic may have hung up already
        end.sendall(words)
    return end


@FUZZ
@given(toxics=TOXICS, changed=st.booleans())
def test_no_attribute_ends_or_holds_the_server(server, port, toxics, changed):
    old = says(port, b"old")
    names = []
    for number, toxic in enumerate(toxics):
        assert asked(server, "POST", "/proxies/echo/toxics", {**toxic, "name": f"t{number}"}) == 200
        names.append(f"t{number}")
    new = says(port, b"new" * 1000)
    for name, toxic in zip(names, reversed(toxics), strict=True):
        if changed:
            assert asked(server, "PATCH", f"/proxies/echo/toxics/{name}", {"attributes": toxic["attributes"]}) == 200
    old.close()
    for name in names:
        assert asked(server, "DELETE", f"/proxies/echo/toxics/{name}") == 204
    new.close()
    with says(port, b"good as new") as end:
        assert read_exactly(end, 11) == b"good as new"


@pytest.mark.parametrize("kind", KINDS)
def test_connections_that_end_under_a_toxic_leave_nothing(server, port, kind):
    with leaving_nothing(server):
        asked(server, "POST", "/proxies/echo/toxics", {"type": kind, "name": "t", "attributes": {"latency": 20}})
        for _ in range(20):
            says(port, b"x" * 1000).close()
        asked(server, "DELETE", "/proxies/echo/toxics/t")
