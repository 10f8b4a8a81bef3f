"""The HTTP API answers as Toxiproxy 2.12.0 does: statuses, bodies byte for byte, content types."""

from __future__ import annotations

import re
import socket

import pytest

JSON = "application/json"
PLAIN = "text/plain; charset=utf-8"


def proxy_json(name: str, listen: str, upstream: str, enabled: str = "true", toxics: str = "[]") -> bytes:
    return (
        f'{{"name":"{name}","listen":"{listen}","upstream":"{upstream}","enabled":{enabled},'
        f'"Logger":{{}},"toxics":{toxics}}}'
    ).encode()


def error(message: str, status: int) -> bytes:
    return f'{{"error":"{message}","status":{status}}}\n'.encode()


@pytest.fixture
def ask(clean_server):
    return clean_server.ask


def create(ask, name="db", **fields):
    return ask("POST", "/proxies", {"name": name, "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1", **fields})


def listen_of(answer) -> str:
    return re.search(rb'"listen":"([^"]*)"', answer.body)[1].decode()


def test_version(ask):
    answer = ask("GET", "/version")
    assert (answer.status, answer.body) == (200, b'{"version": "2.12.0"}\n')
    assert answer.headers["Content-Type"] == "application/json;charset=utf-8"
    assert re.fullmatch("[0-9a-v]{20}", answer.headers["X-Toxiproxy-Request-Id"])


def test_no_proxies(ask):
    assert ask("GET", "/proxies").body == b"{}"


def test_a_proxy_is_created_shown_listed_and_deleted(ask):
    created = create(ask)
    listen = listen_of(created)
    assert re.fullmatch(r"127\.0\.0\.1:[1-9]\d+", listen)
    assert (created.status, created.headers["Content-Type"]) == (201, JSON)
    assert created.body == proxy_json("db", listen, "127.0.0.1:1")
    assert ask("GET", "/proxies/db").body == created.body
    assert ask("GET", "/proxies").body == b'{"db":' + created.body + b"}"
    deleted = ask("DELETE", "/proxies/db")
    assert (deleted.status, deleted.body) == (204, b"")
    assert "Content-Length" not in deleted.headers
    gone = ask("GET", "/proxies/db")
    assert (gone.status, gone.body) == (404, error("proxy not found", 404))


def test_proxies_are_listed_sorted_by_name(ask):
    for name in ("b", "a", "é", "C"):
        create(ask, name, enabled=False)
    assert re.findall('"name":"(.)"', ask("GET", "/proxies").body.decode()) == ["C", "a", "b", "é"]


def test_a_proxy_that_is_created_disabled_keeps_its_address_as_given(ask):
    assert create(ask, enabled=False, listen="nowhere:x").body == proxy_json("db", "nowhere:x", "127.0.0.1:1", "false")


def test_localhost_is_resolved(ask):
    assert listen_of(create(ask, listen="localhost:0")).startswith("127.0.0.1:")


def test_field_names_are_compared_without_case_and_the_last_one_wins(ask):
    body = b'{"NAME":"x","name":"y","Upstream":"127.0.0.1:1","LISTEN":"127.0.0.1:0","enabled":null,"more":[1]} trailing'
    answer = ask("POST", "/proxies", body)
    assert answer.body == proxy_json("y", listen_of(answer), "127.0.0.1:1")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "bad request body: EOF"),
        (b"{", "bad request body: unexpected EOF"),
        (b"{'a'}", r"bad request body: invalid character '\\'' looking for beginning of object key string"),
        (b"{}", "missing required field: name"),
        (b'{"name":"x"}', "missing required field: upstream"),
        (b'{"upstream":"x"}', "missing required field: name"),
        (b"null", "missing required field: name"),
        (b"[]", "bad request body: json: cannot unmarshal array into Go value of type toxiproxy.Proxy"),
        (
            b'{"name":5}',
            "bad request body: json: cannot unmarshal number into Go struct field Proxy.name of type string",
        ),
        (
            b'{"enabled":"yes"}',
            "bad request body: json: cannot unmarshal string into Go struct field Proxy.enabled of type bool",
        ),
    ],
)
def test_a_proxy_that_cannot_be_meant_is_refused(ask, body, message):
    answer = ask("POST", "/proxies", body)
    assert (answer.status, answer.body) == (400, error(message, 400))
    assert answer.headers["Content-Type"] == PLAIN
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_name_is_taken_once(ask):
    create(ask)
    answer = create(ask, listen="not looked at")
    assert (answer.status, answer.body) == (409, error("proxy already exists", 409))


def test_an_address_in_use_is_an_error_and_nothing_is_stored(ask):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = "{}:{}".format(*taken.getsockname())
        answer = create(ask, listen=address)
    message = f"listen tcp {address}: bind: address already in use"
    assert (answer.status, answer.body) == (500, error(message, 500))
    assert ask("GET", "/proxies").body == b"{}"


@pytest.mark.parametrize(
    ("listen", "message"),
    [
        ("local373", "listen tcp: address local373: missing port in address"),
        ("a:b:c", "listen tcp: address a:b:c: too many colons in address"),
        ("127.0.0.1:99999", "listen tcp: address 99999: invalid port"),
        ("127.0.0.1:no-such-port", "listen tcp: lookup tcp/no-such-port: unknown port"),
    ],
)
def test_an_address_that_is_none_is_an_error(ask, listen, message):
    answer = create(ask, listen=listen)
    assert (answer.status, answer.body) == (500, error(message, 500))


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_an_update_changes_what_it_names(ask, method):
    listen = listen_of(create(ask))
    assert ask(method, "/proxies/db", {"name": "other"}).body == proxy_json("db", listen, "127.0.0.1:1")
    changed = ask(method, "/proxies/db", {"upstream": "127.0.0.1:2", "enabled": False})
    assert (changed.status, changed.body) == (200, proxy_json("db", listen, "127.0.0.1:2", "false"))


def test_an_update_to_an_address_that_is_none_is_an_error(ask):
    create(ask)
    answer = ask("PATCH", "/proxies/db", {"listen": "local373"})
    assert (answer.status, answer.body) == (500, error("address local373: missing port in address", 500))


def test_reset_starts_every_proxy_and_removes_all_toxics(ask):
    listen = listen_of(create(ask))
    ask("POST", "/proxies/db/toxics", {"type": "noop"})
    ask("POST", "/proxies/db", {"enabled": False})
    answer = ask("POST", "/reset")
    assert (answer.status, answer.body) == (204, b"")
    assert ask("GET", "/proxies/db").body == proxy_json("db", listen, "127.0.0.1:1")


@pytest.mark.parametrize("path", ["/proxies/", "/", "/nothing", "/proxies/db/toxics/", "/proxies/a%2Fb", "/metrics"])
def test_an_unknown_path_is_not_found(ask, path):
    answer = ask("GET", path)
    assert (answer.status, answer.body) == (404, b"404 page not found\n")
    assert answer.headers["Content-Type"] == PLAIN
    assert "X-Toxiproxy-Request-Id" not in answer.headers


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "DELETE"])
def test_a_wrong_method_is_not_allowed_and_says_nothing(ask, method):
    answer = ask(method, "/proxies")
    assert (answer.status, answer.body) == (405, b"")
    assert "Allow" not in answer.headers
    assert "X-Toxiproxy-Request-Id" not in answer.headers


def test_browsers_are_not_allowed(ask):
    answer = ask("GET", "/version", headers={"User-Agent": "Mozilla/5.0"})
    assert (answer.status, answer.body) == (403, b"User agent not allowed\n")
    assert answer.headers["Content-Type"] == PLAIN
    assert ask("GET", "/version", headers={"User-Agent": "mozilla/5.0"}).status == 200
    assert ask("GET", "/version", headers={"User-Agent": ""}).status == 200


def test_strings_are_written_safe_for_html(ask):
    body = create(ask, name="<&>\u2028", enabled=False).body
    assert rb'"name":"\u003c\u0026\u003e\u2028"' in body
