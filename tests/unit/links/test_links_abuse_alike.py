"""What no client would send is answered by the embedded server as the real Toxiproxy answers it."""

from __future__ import annotations

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_links_abuse_api import ANYTHING, BODIES
from twins import Call, Twins, raw, replay

NAMES = st.sampled_from(["a", "b", "", "A b", "é"])
PROXY = st.fixed_dictionaries(
    {"listen": st.sampled_from(["127.0.0.1:0", "127.0.0.1:65536", "x", "127.0.0.1:-1"]) | st.integers() | st.none()},
    optional={
        "name": NAMES | ANYTHING,
        "upstream": st.sampled_from(["127.0.0.1:1", "nowhere", ""]) | ANYTHING,
        "enabled": st.booleans() | ANYTHING,
    },
)
KINDS = {
    "latency": ("latency", "jitter"),
    "bandwidth": ("rate",),
    "slow_close": ("delay",),
    "timeout": ("timeout",),
    "slicer": ("average_size", "size_variation", "delay"),
    "limit_data": ("bytes",),
    "none": ("none",),
}
NUMBERS = st.sampled_from([0, 1, -1, 1.5, 1e3, 2**63 - 1, 2**63, -(2**63) - 1]) | ANYTHING
TOXIC = st.sampled_from(sorted(KINDS)).flatmap(
    lambda kind: st.fixed_dictionaries(
        {"type": st.just(kind)},
        optional={
            "name": NAMES,
            "stream": st.sampled_from(["upstream", "downstream", "UPSTREAM", "both", ""]) | ANYTHING,
            "toxicity": st.sampled_from([0, 0.25, 1, 7.5, -1, 1e-9]) | ANYTHING,
            "attributes": st.dictionaries(st.sampled_from(KINDS[kind]), NUMBERS) | ANYTHING,
        },
    )
)
CALLS = st.lists(
    st.builds(Call, st.just("POST"), st.sampled_from(["/proxies", "/proxies/a"]), PROXY)
    | st.builds(Call, st.just("POST"), st.just("/populate"), st.lists(PROXY, max_size=2))
    | st.builds(Call, st.just("POST"), st.just("/proxies/a/toxics"), TOXIC)
    | st.builds(Call, st.just("PATCH"), st.just("/proxies/a/toxics/latency_downstream"), TOXIC)
    | st.builds(
        Call, st.just("POST"), st.sampled_from(["/proxies", "/populate", "/proxies/a", "/proxies/a/toxics"]), BODIES
    ),
    min_size=1,
    max_size=4,
)
FIRST = [
    Call("POST", "/proxies", {"name": "a", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1"}),
    Call("POST", "/proxies/a/toxics", {"type": "latency"}),
]


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(calls=CALLS)
def test_whatever_is_asked_both_answer_the_same(twins: Twins, calls: list[Call]) -> None:
    calls = [call for call in calls if isinstance(call.body, bytes) or _is_json(call.body)]
    twins.wipe()
    ours, theirs = (replay(server.port, [*FIRST, *calls, Call("GET", "/proxies")]) for server in twins)
    assert [pair for pair in zip(ours, theirs, strict=True) if pair[0] != pair[1]] == []


def test_leave_to_send_a_body_that_nobody_reads_is_given_here_and_not_there(twins: Twins) -> None:
    request = b"GET /version HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n{}"
    ours, theirs = (raw(server.port, request) for server in twins)
    assert ours.startswith("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")
    assert theirs.startswith("HTTP/1.1 200 OK\r\n")
    assert "Connection: close" in theirs


def _is_json(body: object) -> bool:
    try:
        json.dumps(body, allow_nan=False).encode()
    except ValueError:
        return False
    return True
