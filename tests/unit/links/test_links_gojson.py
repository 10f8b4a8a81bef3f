"""JSON in Go's words."""

from __future__ import annotations

import pytest

from pytest_resilience.links.server.address import AddressError, split
from pytest_resilience.links.server.gojson import GoJsonError, Number, Object, dumps, first_value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "EOF"),
        (b" \n", "EOF"),
        (b"{", "unexpected EOF"),
        (b"tru", "unexpected EOF"),
        (b"-", "unexpected EOF"),
        (b'"abc', "unexpected EOF"),
        (b"trx", "invalid character 'x' in literal true (expecting 'u')"),
        (b"nil", "invalid character 'i' in literal null (expecting 'u')"),
        (b'{"a":1,}', "invalid character '}' looking for beginning of object key string"),
        (b'{"a" 1}', "invalid character '1' after object key"),
        (b'{"a":1 "b"', "invalid character '\"' after object key:value pair"),
        (b"[1 2]", "invalid character '2' after array element"),
        (b"[,1]", "invalid character ',' looking for beginning of value"),
        (b"-x", "invalid character 'x' in numeric literal"),
        (b"1.x", "invalid character 'x' after decimal point in numeric literal"),
        (b"1e+q", "invalid character 'q' in exponent of numeric literal"),
        (b'"\x01"', r"invalid character '\x01' in string literal"),
        (b'"\\q"', "invalid character 'q' in string escape code"),
        (b'"\\u12g"', r"invalid character 'g' in \u hexadecimal character escape"),
        (b"'", r"invalid character '\'' looking for beginning of value"),
        (b"\n\x00", r"invalid character '\x00' looking for beginning of value"),
        (b"\xe9", "invalid character 'é' looking for beginning of value"),
        (b"[" * 10_001, "exceeded max depth"),
    ],
)
def test_what_is_no_json_is_refused_as_go_does(text, message):
    with pytest.raises(GoJsonError) as refusal:
        first_value(text)
    assert str(refusal.value) == message


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"1x", Number("1")),
        (b"-0.5e+10,", Number("-0.5e+10")),
        (b"[]]", []),
        (b'{"a":{},"a":[null,true,false]} {', Object([("a", Object()), ("a", [None, True, False])])),
        (b'"\\u00e9\\ud83d\\ude00\\n\xc3\xa9"', "é😀\né"),
        (b'"\\ud800\xff"', "\ufffd\ufffd"),
        (b"[" * 9_999 + b"]" * 9_999, None),
    ],
)
def test_the_first_value_is_read_and_the_rest_ignored(text, value):
    found = first_value(text)
    assert value is None or found == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": [1, True, None, "x"], "b": {}}, '{"a":[1,true,null,"x"],"b":{}}'),
        ('<&>"\\\x01\n\u2028é', '"\\u003c\\u0026\\u003e\\"\\\\\\u0001\\n\\u2028é"'),
        ([0.0, 1.0, 0.1, -2.5, 1e-5, 1e-7, 1e20, 1e21], "[0,1,0.1,-2.5,0.00001,1e-7,100000000000000000000,1e+21]"),
    ],
)
def test_values_are_written_as_go_writes_them(value, text):
    assert dumps(value) == text


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("a:1", ("a", "1")),
        (":80", ("", "80")),
        ("[::1]:http", ("::1", "http")),
        ("[fe80::1%lo]:1", ("fe80::1%lo", "1")),
    ],
)
def test_addresses_are_split(address, parts):
    assert split(address) == parts


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("", "missing port"),
        ("a", "missing port"),
        ("a:b:c", "too many colons"),
        ("::1", "too many colons"),
        ("[::1", "missing ']'"),
        ("[::1]", "missing port"),
        ("[::1]1:2", "missing port"),
        ("[a]:b:c", "too many colons"),
        ("a[:1", "unexpected '['"),
        ("a]:1", "unexpected ']'"),
    ],
)
def test_what_is_no_address_is_refused_as_go_does(address, why):
    with pytest.raises(AddressError) as refusal:
        split(address)
    assert str(refusal.value) == f"address {address}: {why} in address"
