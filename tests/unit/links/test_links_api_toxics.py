"""Toxics in the HTTP API: defaults, order of checks, merging, and the errors of Go's JSON decoder."""

from __future__ import annotations

import pytest

MISMATCH = "bad request body: json: cannot unmarshal %s into Go struct field %s of type %s"
LATENCY = b'{"attributes":{"latency":%d,"jitter":0},"name":"latency_downstream","type":"latency",%s}'


@pytest.fixture
def ask(clean_server):
    clean_server.client.create("db", listen="127.0.0.1:0", upstream="127.0.0.1:1")
    return clean_server.ask


def error(message: str, status: int) -> bytes:
    return f'{{"error":"{message}","status":{status}}}\n'.encode()


def add(ask, **toxic):
    return ask("POST", "/proxies/db/toxics", toxic)


def test_a_toxic_has_defaults(ask):
    answer = add(ask, type="latency")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.body == LATENCY % (0, b'"stream":"downstream","toxicity":1')


@pytest.mark.parametrize(
    ("kind", "attributes"),
    [
        ("bandwidth", b'{"rate":0}'),
        ("latency", b'{"latency":0,"jitter":0}'),
        ("limit_data", b'{"bytes":0}'),
        ("noop", b"{}"),
        ("reset_peer", b'{"timeout":0}'),
        ("slicer", b'{"average_size":0,"size_variation":0,"delay":0}'),
        ("slow_close", b'{"delay":0}'),
        ("timeout", b'{"timeout":0}'),
    ],
)
def test_every_toxic_can_be_made_and_shows_its_attributes_in_order(ask, kind, attributes):
    body = add(ask, type=kind, stream="upstream").body
    assert body.startswith(b'{"attributes":' + attributes + b',"name":"' + kind.encode() + b'_upstream"')


def test_the_stream_is_echoed_as_it_was_written(ask):
    assert (
        b'"name":"latency_UPSTREAM","type":"latency","stream":"UPSTREAM"'
        in add(ask, type="latency", stream="UPSTREAM").body
    )


def test_toxics_are_listed_upstream_first_each_in_the_order_of_their_making(ask):
    for name, stream in (("d1", "downstream"), ("u1", "upstream"), ("d2", "downstream"), ("u2", "upstream")):
        add(ask, type="noop", name=name, stream=stream)
    listed = ask("GET", "/proxies/db/toxics").body.decode()
    assert [part[:2] for part in listed.split('"name":"')[1:]] == ["u1", "u2", "d1", "d2"]
    assert listed in ask("GET", "/proxies/db").body.decode()


@pytest.mark.parametrize(("share", "written"), [(0.1, "0.1"), (7.5, "7.5"), (1 / 3, "0.33333334"), (1e-7, "1e-7")])
def test_toxicity_is_a_float_of_32_bits_and_is_not_validated(ask, share, written):
    assert add(ask, type="noop", toxicity=share).body.endswith(f'"toxicity":{written}}}'.encode())


@pytest.mark.parametrize(
    ("toxic", "status", "message"),
    [
        ({"type": "x", "stream": "sideways"}, 400, "stream was invalid, can be either upstream or downstream"),
        ({"type": "x", "name": "taken"}, 400, "invalid toxic type"),
        ({}, 400, "invalid toxic type"),
        (
            {"type": "latency", "name": "taken", "stream": "upstream", "attributes": {"latency": "x"}},
            409,
            "toxic already exists",
        ),
        (
            {"type": "latency", "attributes": {"latency": 1.5}},
            400,
            MISMATCH % ("number 1.5", "LatencyToxic.attributes.latency", "int64"),
        ),
        (
            {"type": "slicer", "attributes": {"average_size": "1"}},
            400,
            MISMATCH % ("string", "SlicerToxic.attributes.average_size", "int"),
        ),
        (
            {"type": "latency", "toxicity": "1"},
            400,
            MISMATCH % ("string", "ToxicWrapper.toxicity", "float32"),
        ),
    ],
)
def test_checks_come_in_their_order(ask, toxic, status, message):
    add(ask, type="noop", name="taken")
    answer = add(ask, **toxic)
    assert (answer.status, answer.body) == (status, error(message, status))


def test_whole_numbers_with_a_decimal_point_are_refused(ask):
    answer = ask("POST", "/proxies/db/toxics", b'{"type":"latency","attributes":{"latency":100.0}}')
    assert b"cannot unmarshal number 100.0 into" in answer.body


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_an_update_merges_attributes_and_toxicity_only(ask, method):
    add(ask, type="latency", attributes={"latency": 5})
    path = "/proxies/db/toxics/latency_downstream"
    changes = {"attributes": {"jitter": 0}, "name": "n", "type": "noop", "stream": "upstream", "toxicity": 0.5}
    answer = ask(method, path, changes)
    assert (answer.status, answer.body) == (200, LATENCY % (5, b'"stream":"downstream","toxicity":0.5'))
    assert ask("GET", path).body == answer.body


def test_an_update_that_fails_halfway_has_set_what_it_could_read(ask):
    add(ask, type="latency")
    path = "/proxies/db/toxics/latency_downstream"
    assert ask("PATCH", path, {"attributes": {"latency": 7, "jitter": "x"}, "toxicity": 0.5}).status == 400
    assert ask("GET", path).body == LATENCY % (7, b'"stream":"downstream","toxicity":1')


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
def test_a_toxic_that_is_not_there_is_not_found(ask, method):
    answer = ask(method, "/proxies/db/toxics/none", b"{}")
    assert (answer.status, answer.body) == (404, error("toxic not found", 404))
    assert ask(method, "/proxies/none/toxics/none", b"{}").body == error("proxy not found", 404)


def test_a_toxic_is_deleted(ask):
    add(ask, type="latency")
    answer = ask("DELETE", "/proxies/db/toxics/latency_downstream")
    assert (answer.status, answer.body) == (204, b"")
    assert ask("GET", "/proxies/db/toxics").body == b"[]"


@pytest.mark.parametrize(
    "toxic",
    [
        {"type": "slicer"},
        {"type": "bandwidth", "attributes": {"rate": -1}},
        {"type": "latency", "attributes": {"latency": 2**63 - 1, "jitter": 2**63 - 1}},
        {"type": "timeout", "attributes": {"timeout": -(2**63)}},
        {"type": "slicer", "attributes": {"average_size": 1, "size_variation": 2**62, "delay": -1}},
    ],
)
def test_no_attribute_can_crash_the_server(road, toxic):
    assert road.server.ask("POST", f"/proxies/{road.name}/toxics", toxic).status == 200
    _, service = road.connect()
    service.sendall(b"x" * 1000)
    assert road.server.ask("GET", "/version").status == 200
