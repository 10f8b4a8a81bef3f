"""Whatever is sent to the API of the link server, it answers, lives on, and keeps nothing of it."""

from __future__ import annotations

import json
import string
from collections.abc import Iterator

import pytest
from abuse_harness import leaving_nothing, raw, status_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from links_harness import Server

FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

# Addresses that name no host: a name would be looked up.
NO_NAMES = st.text(alphabet=string.digits + ":[]%/-. \0é", max_size=20)
LISTEN = st.sampled_from(["127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:-1", ":", "x", "", "[::1", "1.1.1.1"])
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(["a", "b", "a/b", "", "..", "%", "é", "\ud800", "\0"]) | st.text(max_size=6)
PROXY = st.fixed_dictionaries(
    {},
    optional={
        "name": NAMES | ANYTHING,
        "listen": LISTEN | st.integers() | st.none(),
        "upstream": NO_NAMES | ANYTHING,
        "enabled": ANYTHING,
        "toxics": ANYTHING,
    },
)
KINDS = st.sampled_from(
    ["latency", "bandwidth", "slow_close", "timeout", "reset_peer", "slicer", "limit_data", "noop", "none", ""]
)
ATTRIBUTES = st.dictionaries(
    st.sampled_from(
        [
            "latency",
            "jitter",
            "rate",
            "delay",
            "timeout",
            "average_size",
            "size_variation",
            "bytes",
            "first",
            "every",
            "only_new",
            "after_bytes",
            "losing",
            "live",
            "holding",
        ]
    ),
    st.integers(-(2**63), 2**63 - 1) | ANYTHING,
    max_size=5,
)
TOXIC = st.fixed_dictionaries(
    {},
    optional={
        "name": NAMES | ANYTHING,
        "type": KINDS | ANYTHING,
        "stream": st.sampled_from(["upstream", "downstream", "UPSTREAM", "both", ""]) | ANYTHING,
        "toxicity": st.floats() | ANYTHING,
        "attributes": ATTRIBUTES | ANYTHING,
    },
)
BODIES = (
    (PROXY | TOXIC | st.lists(PROXY, max_size=3) | ANYTHING).map(lambda body: json.dumps(body).encode())
    | st.binary(max_size=60)
    | st.text(alphabet='{}[]",:\\u0eE+-.19tfnrualse ', max_size=40).map(str.encode)
)
METHODS = st.sampled_from(["GET", "POST", "PATCH", "DELETE", "HEAD", "OPTIONS", "PUT", "CONNECT", "TRACE", "get"])
ROUTES = st.sampled_from(
    [
        "/version",
        "/proxies",
        "/proxies/a",
        "/proxies/a/toxics",
        "/proxies/a/toxics/latency_downstream",
        "/proxies/a/stats",
        "/populate",
        "/reset",
        "/metrics",
        "*",
        "/proxies/%61%2f",
        "//proxies/./a/../b",
        "http://x/proxies",
        "/proxies/a%00%ff",
    ]
) | st.text(max_size=12).map(lambda path: "/" + path)
HEADERS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "Connection",
                "Content-Length",
                "Transfer-Encoding",
                "Expect",
                "Host",
                "User-Agent",
                "Accept-Encoding",
                "X-\x00",
                "é",
            ]
        ),
        st.sampled_from(
            [
                "close",
                "keep-alive",
                "0",
                "5",
                "-1",
                "99999999999999999999",
                "chunked",
                "gzip",
                "100-continue",
                "Mozilla/5",
                "x:1",
            ]
        )
        | st.text(max_size=10),
    ),
    max_size=4,
)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = Server("-runtime-metrics")
    yield server
    assert server.close() == 0


def is_theirs(answer: bytes) -> bool:
    """Whether it is an answer that the real server gives too: 5xx is for what cannot be bound or read."""
    status = status_of(answer)
    body = answer.partition(b"\r\n\r\n")[2]
    if status == 500:
        return b"listen tcp" in body or b"address " in body
    return status in {200, 201, 204, 301, 400, 403, 404, 405, 409, 413, 417, 431, 501, 505}


def wipe(server: Server) -> None:
    """Restore what the fuzzing may have made: a proxy that cannot be addressed is left to be replaced by a list."""
    for name in server.client.proxies():
        if "/" not in name and name not in {".", ".."}:
            server.client.delete(name)


@FUZZ
@given(first=st.tuples(METHODS, ROUTES), headers=HEADERS, body=BODIES, told=st.booleans())
def test_no_request_is_answered_by_a_failure_of_its_own(server, first, headers, body, told):
    head = [f"{first[0]} {first[1]} HTTP/1.1", "Host: x", *(f"{name}: {value}" for name, value in headers)]
    head += [f"Content-Length: {len(body)}"] if told else []
    request = "\r\n".join([*head, "", ""]).encode("utf-8", "surrogatepass") + body
    answer = raw(server.port, request)
    assert not answer or is_theirs(answer), (request, answer)
    assert server.process.poll() is None


@FUZZ
@given(sent=st.binary(max_size=400) | st.lists(st.sampled_from(b"GET / HTTP/1.1\r\n:x0"), max_size=40).map(bytes))
def test_bytes_that_are_no_request_end_in_a_refusal_or_silence(server, sent):
    answer = raw(server.port, sent)
    assert not answer or is_theirs(answer), (sent, answer)
    assert server.process.poll() is None


@FUZZ
@given(
    calls=st.lists(
        st.tuples(st.sampled_from(["/proxies", "/populate"]), PROXY)
        | st.tuples(st.just("/proxies/a"), PROXY)
        | st.tuples(st.sampled_from(["/proxies/a/toxics", "/proxies/a/toxics/latency_downstream"]), TOXIC),
        max_size=6,
    )
)
def test_no_succession_of_calls_breaks_it(server, calls):
    server.ask("POST", "/proxies", {"name": "a", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1"})
    for path, body in calls:
        answer = server.ask("POST", path, [body] if path == "/populate" else body)
        assert answer.status < 500 or b"listen tcp" in answer.body or b"address " in answer.body, (path, body, answer)
    shown = server.ask("GET", "/proxies")
    assert shown.status == 200
    json.loads(shown.body)
    wipe(server)


def test_nothing_stays_of_requests_that_were_refused_or_given_up(server):
    wipe(server)
    bad = b"POST /proxies HTTP/1.1\r\nHost: x\r\nContent-Length: 999\r\n\r\n{"
    with leaving_nothing(server):
        for sent in (
            b"",
            b"\0" * 1000,
            b"GET",
            bad,
            b"GET / HTTP/3\r\n\r\n",
            b"PUT /proxies HTTP/1.1\r\nHost: x\r\n\r\n",
        ):
            for _ in range(50):
                raw(server.port, sent)
