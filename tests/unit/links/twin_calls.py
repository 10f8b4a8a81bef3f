"""Calls of the API, by theme: each theme is a list that is played in order on an empty server."""

from __future__ import annotations

from twins import Call

PATHS = [
    *("/version", "/proxies", "/populate", "/reset", "/proxies/", "/nothing", "/", "/proxies/x", "/proxies/x/toxics"),
    *("/proxies/x/toxics/y", "/proxies/x/toxics/y/z", "//proxies", "/proxies//", "/proxies/./x", "/proxies/../version"),
    *("/proxies?a=b", "/version/", "/Version", "/proxies/%2f", "/proxies/a%2Fb", "/proxies/a%2fb/toxics", "*"),
    *("/proxies/%zz", "/proxies/%41", "/proxies/a%20b", "/proxies/a+b", "//proxies?a=b", "/proxies//a;b,c@d=&$!'()~"),
]
METHODS = ("GET", "POST", "PATCH", "DELETE", "PUT", "HEAD", "OPTIONS", "get", "FOO")
AGENTS = ("Mozilla/5.0", "Mozilla/", "Mozilla", "mozilla/5.0", "x Mozilla/5.0", "")

BODIES = [
    *("", "   ", "null", "{}", "[]", "1", "true", '"x"', "{", '{"name"', '{"name":', '{"name":"a"', '{"name":"a",'),
    *("{name}", "nul", "nulx", "trux", "[1,", "[1 2]", '{"a":1 "b"}', '{"a" 1}', "\x00", "é", "'a'", "{}}", "]", "}"),
    *(":", ",", '"', '"abc', "tru", "fals", "n", "t", "f", "-", "-1", "1.5", "1e400", "\ufeff{}", '{"a":1,}', "[1,]"),
    *("{,}", '{"x":tru}', '{"x":-}', '{"x":01}', '{"x":1.}', '{"x":1e}', '{"x":1e5}', '{"x":.5}', '{"x":+1}'),
    *('{"name":1}', '{"name":[]}', '{"name":{}}', '{"name":null}', '{"name":true}', '{"name":"a"}', '{"upstream":"b"}'),
    *('{"enabled":"x"}', '{"enabled":1}', '{"enabled":null,"name":"a"}', '{"name":1,"listen":2,"upstream":3}'),
    *('{"name":"q\\x"}', '{"name":"q\n"}', '{"name":"\\u12G4"}', '{"x":"\\ud83d\\ude00"}', '{"listen":5,"name":"w"}'),
    *('{"Logger":{}}', '{"Logger":1}', '{"Logger":null,"name":"z"}', '{"Logger":"x"}', '{"Logger":[]}'),
    *('{"logger":true}', '{"toxics":5,"name":"zz"}'),
    '{"name":"q","upstream":"127.0.0.1:1","enabled":false} trailing',
    '{"name":"q2","upstream":"127.0.0.1:1","enabled":false}{"name":"q3"}',
    '{"NAME":"q4","Upstream":"127.0.0.1:1","ENABLED":false}',
    '{"name":"q5","name":"q6","upstream":"127.0.0.1:1","enabled":false}',
    '{"name":"q7","upstream":"127.0.0.1:1","enabled":false,"toxics":[{"type":"latency"}],"x":[1,{"y":2}]}',
    '{"name":"a\\"<>&\\u2028\\u0001","upstream":"127.0.0.1:1","enabled":false}',
    '{"name":"é\\u00e9\\ud800","upstream":"u:1","enabled":false}',
    '{"name":"\\ud83d\\ude00","upstream":"u:2","enabled":false}',
    '{"name":"\\ud83dx","upstream":"u:2","enabled":false}',
]
LISTENS = (
    *("", "local373", "127.0.0.1", "127.0.0.1:", "127.0.0.1:99999", "127.0.0.1:-1", "127.0.0.1:x", ":0", "[::1]:0"),
    *("[::1", "::1:0", "a:b:c", "localhost:0", "127.0.0.1:0", "0.0.0.0:0", "[::]:0", "[::1]x:0", "[]:0"),
    *("127.0.0.1:+0", "256.1.1.1:0", "127.1:0", "192.0.2.1:0", "127.0.0.1:00000", " 127.0.0.1:0", "127.0.0.1:0 "),
    *("[127.0.0.1]:0", "x]:0", "x[:0"),
)
NUMBERS = (
    *("1", "1.5", "100.0", "1e2", "1E2", "-5", "0", "-0", '"x"', "null", "true", "[]", "{}", "9223372036854775807"),
    *("9223372036854775808", "-9223372036854775808", "-9223372036854775809", "12345678901234567890123"),
)
TOXICITIES = [
    *("1e-7", "1e39", "0.1", "1e21", "123456789", "1e-50", "-0.0", "null", "0.30000001192092896", "3.4e38", "7.5"),
    *("-1", "0"),
]
KINDS = {
    "latency": ("latency", "jitter"),
    "bandwidth": ("rate",),
    "slow_close": ("delay",),
    "timeout": ("timeout",),
    "reset_peer": ("timeout",),
    "slicer": ("average_size", "size_variation", "delay"),
    "limit_data": ("bytes",),
    "noop": (),
}
A = {"name": "a", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1"}
TOXICS = "/proxies/a/toxics"
INDEX = Call("GET", "/proxies")


def create(**fields: object) -> Call:
    return Call("POST", "/proxies", {**A, **fields})


def populate(*changes: dict[str, object]) -> Call:
    return Call("POST", "/populate", [{**A, **fields} for fields in changes])


def toxic(**fields: object) -> Call:
    return Call("POST", TOXICS, fields)


def of_kind(kind: str) -> list[Call]:
    """Every attribute of a toxic with every kind of value, on a proxy that nobody uses."""
    mine = f"{TOXICS}/{kind}_downstream"
    calls = [create(enabled=False), toxic(type=kind)]
    for field in KINDS[kind]:
        for number in NUMBERS:
            calls.append(Call("POST", mine, f'{{"attributes":{{"{field}":{number}}}}}'))
            text = f'{{"type":"{kind}","name":"n{len(calls)}","attributes":{{"{field}":{number}}}}}'
            calls.append(Call("POST", TOXICS, text))
        calls.append(Call("PATCH", mine, {"attributes": {field.upper(): 7}}))
    for value in ("1", "null", "[]", '"x"', "{}", "true", "5.5"):
        calls.append(Call("POST", TOXICS, f'{{"type":"{kind}","name":"w","attributes":{value}}}'))
        calls.append(Call("POST", mine, f'{{"attributes":{value}}}'))
        calls.append(Call("DELETE", f"{TOXICS}/w"))
    return [*calls, Call("GET", TOXICS)]


def _put_and_changed() -> list[Call]:
    bad_order = [
        '{"latency":7}',
        '{"attributes":{"latency":7,"jitter":"x"}}',
        '{"attributes":{"jitter":"x","latency":8},"toxicity":0.25}',
        '{"toxicity":0.25}',
        '{"toxicity":"s","attributes":{"latency":99}}',
    ]
    asked = [
        {"type": "latency"},
        {"type": "latency", "stream": "upstream"},
        {"type": "latency", "stream": "UPSTREAM"},
        {"type": "latency", "stream": "Upstream", "name": "latency_downstream"},
        {"type": "latency", "stream": ""},
        {"type": "latency", "stream": "sideways"},
        {"type": "nope", "stream": "sideways"},
        {"type": "nope"},
        {"type": "nope", "name": "latency_downstream"},
        {"type": ""},
        {},
        {"type": "Latency"},
        {"type": "noop", "name": "a/b"},
        {"type": "noop", "name": "z"},
        {"type": "latency", "name": "b", "stream": "upstream"},
        {"type": "latency", "name": "e", "toxicity": "x"},
        {"type": "latency", "name": "f", "attributes": {"LATENCY": 3, "unknown": "x"}},
    ]
    calls = [create(), *(toxic(**fields) for fields in [asked[0], *asked])]
    for number, text in enumerate(TOXICITIES):
        calls.append(Call("POST", TOXICS, f'{{"type":"latency","name":"t{number}","toxicity":{text}}}'))
    twice = '{"type":"latency","name":"d","attributes":{"latency":1},"attributes":{"jitter":2,"jitter":3}}'
    calls += [Call("POST", TOXICS, text) for text in (twice, "{")]
    calls += [Call("GET", TOXICS), INDEX, Call("GET", f"{TOXICS}/latency_downstream")]
    calls += [Call(method, f"{TOXICS}/nope", "{") for method in ("GET", "DELETE", "PATCH")]
    calls.append(Call("PATCH", f"{TOXICS}/z", {"name": "y", "type": "latency", "stream": "upstream", "toxicity": 0.5}))
    for text in bad_order:
        calls += [Call("POST", f"{TOXICS}/b", text), Call("GET", f"{TOXICS}/b")]
    calls += [Call("GET", f"{TOXICS}/a%2Fb"), Call("DELETE", f"{TOXICS}/b"), Call("POST", "/reset"), INDEX]
    return [*calls, toxic(type="latency"), Call("DELETE", "/proxies/a"), Call("GET", TOXICS)]


def _moved() -> list[Call]:
    fresh = (
        "local373",
        *["127.0.0.1:0"] * 2,
        ":0",
        "localhost:0",
        "",
        "127.0.0.1:99999",
        "[::1",
        "x:y:z",
        "192.0.2.1:0",
    )
    changes: list[dict[str, object]] = [{"listen": listen} for listen in fresh]
    changes += [{"listen": "127.0.0.1:0"}, {"enabled": False}, {"listen": "127.0.0.1:0"}, {"enabled": True}]
    changes += [{"name": "b"}, {"upstream": ""}, {"upstream": "not an address"}, {}]
    calls = [create()]
    for fields in changes:
        calls += [Call("PATCH", "/proxies/a", fields), Call("GET", "/proxies/a")]
    return [*calls, *[Call("DELETE", "/proxies/a")] * 2, *(Call("PATCH", "/proxies/a", text) for text in ("{}", "{"))]


def _named() -> list[Call]:
    calls = [create(), create()]
    for name, path in (("a/b", "a%2Fb"), ("b c", "b%20c"), ("é", "%C3%A9"), ("%41", "%2541"), ("?", "%3F")):
        calls += [create(name=name), Call("GET", f"/proxies/{path}"), Call("DELETE", f"/proxies/{path}"), INDEX]
    return calls


def _populated() -> list[Call]:
    texts = ('{"name":"x"}', "null", "[null]", "[1]", '[{"name":1}]', '[{"name":"h","upstream":"u:1","enabled":"x"}]')
    calls = [Call("POST", "/populate", []), populate({}), toxic(type="latency"), populate({"enabled": False}), INDEX]
    calls += [populate({"name": ""}), populate({}, {"upstream": ""}), INDEX, populate({"upstream": "127.0.0.1:2"})]
    calls += [INDEX, populate({"name": "b", "enabled": False}), populate({"name": "b", "enabled": True}), INDEX]
    calls += [populate({"name": "c"}, {"name": "c"}), INDEX]
    calls += [populate({"name": "d"}, {"name": "e", "listen": "nope"}, {"name": "f"}), INDEX]
    calls += [populate({"name": "g", "toxics": [{"type": "latency"}]}), *(Call("POST", "/populate", t) for t in texts)]
    return [*calls, populate({"name": "h", "enabled": None}), Call("POST", "/reset"), INDEX]


def _reset() -> list[Call]:
    down = Call("PATCH", "/proxies/a", {"enabled": False})
    calls = [create(enabled=False), toxic(type="latency"), Call("POST", "/reset"), INDEX, down]
    return [*calls, Call("POST", "/reset"), INDEX, Call("POST", "/reset", "garbage")]


THEMES: dict[str, list[Call]] = {
    "every path with every method": [Call(method, path) for path in PATHS for method in METHODS],
    "user agents": [
        Call("GET", path, None, (("User-Agent", agent),))
        for path in ("/version", "/proxies", "/nothing", "/proxies/x")
        for agent in AGENTS
    ],
    "bodies to create": [*(Call("POST", "/proxies", body) for body in BODIES), INDEX],
    "bodies to update": [
        create(enabled=False),
        *(Call(method, "/proxies/a", body) for body in BODIES for method in ("POST", "PATCH")),
        INDEX,
    ],
    "bodies to populate": [
        *(Call("POST", "/populate", text) for body in BODIES for text in (body, f"[{body}]")),
        INDEX,
    ],
    "bodies of toxics": [create(), *(Call("POST", TOXICS, body) for body in BODIES), INDEX],
    "bodies to change toxics": [
        create(),
        toxic(type="latency", name="x"),
        *(Call("POST", f"{TOXICS}/x", body) for body in BODIES),
        INDEX,
    ],
    "addresses to listen at": [
        call
        for number, listen in enumerate(LISTENS)
        for enabled in (True, False)
        for name in [f"n{number}{enabled}"]
        for call in (create(name=name, listen=listen, enabled=enabled), Call("GET", f"/proxies/{name}"))
    ],
    "proxies that move": _moved(),
    "names": _named(),
    "toxics": _put_and_changed(),
    "populate": _populated(),
    "reset": _reset(),
    "content types": [
        Call("POST", "/proxies", {**A, "name": "ct"}, (("Content-Type", "text/html"),)),
        Call("GET", "/proxies", "a body for a GET"),
        Call("DELETE", "/proxies/ct", "garbage"),
        Call("GET", "/version", None, (("Accept", "text/html"),)),
    ],
    **{f"attributes of {kind}": of_kind(kind) for kind in KINDS},
}

_LINE = b"GET /version HTTP/1.1\r\n"
_HEAD = _LINE + b"Host: x\r\n"
_POST = b"POST /proxies HTTP/1.1\r\nHost: x\r\n"
RAW = [
    *(_HEAD + rest for rest in (b"\r\n", b"Connection: close\r\n\r\n", b"Bad Header: x\r\n\r\n", b"NoColon\r\n\r\n")),
    *(_HEAD + b"Content-Length: " + length + b"\r\n\r\n" for length in (b"x", b"-1", b"1\r\nContent-Length: 1")),
    *(_HEAD + rest for rest in (b"Transfer-Encoding: gzip\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")),
    *(_HEAD + rest for rest in (b" folded: x\r\n\r\n", b"X: a\r\n b\r\n\r\n", b"X:\x01\r\n\r\n", b"Host: y\r\n\r\n")),
    _HEAD + b"User-Agent: Mozilla/1\r\n\r\n",
    _HEAD + b"\r\n" + _HEAD + b"\r\n",
    *(_LINE + rest for rest in (b"\r\n", b"Host: x y\r\n\r\n")),
    *(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n" for target in (b"http://h/version", b"http:/version", b"*")),
    *(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n" for target in (b"version", b"/\xc3\xa9", b"/%zz", b"/a%20b")),
    *(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n" for target in (b"/a b", b"//version", b"/x/../version?q=1")),
    *(b"GET /version " + version + b"\r\n\r\n" for version in (b"HTTP/1.0", b"HTTP/2.0", b"HTTP/3.0", b"", b"HTTP/x")),
    b"GET /version HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    b"garbage\r\n\r\n",
    b"\r\n\r\n" + _HEAD + b"\r\n",
    b"GET  /version HTTP/1.1\r\nHost: x\r\n\r\n",
    b"G(T /version HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /version HTTP/1.1\nHost: x\n\n",
    _POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    *(_POST + b"Content-Length: 2\r\nExpect: " + what + b"\r\n\r\n{}" for what in (b"100-continue", b"other")),
    *(_POST + b"Content-Length: 10\r\n\r\n" + body for body in (b"{}", b'{"na')),
    *(method + b" HTTP/1.1\r\nHost: x\r\n\r\n" for method in (b"HEAD /version", b"HEAD /nothing", b"OPTIONS *")),
    *(method + b" HTTP/1.1\r\nHost: x\r\n\r\n" for method in (b"CONNECT x:1", b"DELETE /proxies/x", b"POST /reset")),
    b"POST //proxies HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}",
]
