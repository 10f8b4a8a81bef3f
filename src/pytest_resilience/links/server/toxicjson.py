"""How a toxic is read from a request and put on a proxy."""

from __future__ import annotations

from .chain import DIRECTIONS, DOWNSTREAM, Entry
from .collection import ApiError, bad_request, parse
from .gofields import Fields, Struct, fold, kind
from .gojson import GoJsonError, Object, Value
from .proxy import Proxy
from .toxics import KINDS, Toxic

_WRAPPER = Struct(
    "ToxicWrapper",
    {
        "attributes": "toxics.NoopToxic",  # looked at only when the type is known
        "name": "string",
        "type": "string",
        "stream": "string",
        "toxicity": "float32",
    },
)
_CHANGES = Struct("", {"toxicity": "float32"})


def find(proxy: Proxy, name: str) -> Entry:
    """Return a toxic of a proxy.

    :raises ApiError: there is none of this name.
    """
    entry = proxy.chain.find(name)
    if entry is None:
        raise ApiError("toxic not found", 404)
    return entry


def add(proxy: Proxy, body: bytes, *, seed: int) -> Entry:
    """Make a toxic of a request's body and put it on a proxy.

    :raises ApiError: the body is not one of a toxic, or the name is taken.
    """
    value = parse(body)
    fields: Fields = {"name": "", "type": "", "stream": DOWNSTREAM, "toxicity": 1.0}
    try:
        _WRAPPER.fill(value, fields, whole="toxics.ToxicWrapper")
    except GoJsonError as error:
        raise bad_request(error) from None
    stream = str(fields["stream"])
    if stream.lower() not in DIRECTIONS:
        raise ApiError("stream was invalid, can be either upstream or downstream", 400)
    name = str(fields["name"]) or f"{fields['type']}_{stream}"
    if fields["type"] not in KINDS:
        raise ApiError("invalid toxic type", 400)
    if proxy.chain.find(name) is not None:
        raise ApiError("toxic already exists", 409)
    toxic = KINDS[str(fields["type"])]()
    _fill(toxic, value, {})
    entry = Entry(name, stream, float(fields["toxicity"]), toxic, seed=f"{seed}/{proxy.name}/{name}")
    proxy.add(entry)
    return entry


def change(proxy: Proxy, name: str, body: bytes) -> Entry:
    """Give a toxic the attributes and the toxicity of a request's body.

    :raises ApiError: there is no such toxic, or the body cannot be read. As in the real server,
        attributes that could be read have been set then.
    """
    entry = find(proxy, name)
    changes: Fields = {"toxicity": entry.toxicity}
    _fill(entry.toxic, parse(body), changes)
    entry.toxicity = float(changes["toxicity"])
    proxy.change(entry)
    return entry


def _fill(toxic: Toxic, value: Value, changes: Fields) -> None:
    """Set the attributes of a toxic, and what else may change, in the order in which they were written."""
    if value is None:
        return
    if not isinstance(value, Object):
        whole = 'struct { Attributes interface {} "json:\\"attributes\\""; Toxicity float32 "json:\\"toxicity\\"" }'
        raise bad_request(GoJsonError(f"json: cannot unmarshal {kind(value)} into Go value of type {whole}"))
    attributes = Struct(toxic.go_name, {**toxic.go_fields, **toxic.own_fields}, path=("attributes",))
    first_error: GoJsonError | None = None
    for key, part in value.pairs:
        try:
            if fold(key) == "attributes" and part is not None:
                _set(toxic, attributes, part)
            elif changes:
                _CHANGES.fill_pairs([(key, part)], changes)
        except GoJsonError as error:
            first_error = first_error or error
    if first_error is not None:
        raise bad_request(first_error)


def _set(toxic: Toxic, attributes: Struct, value: Value) -> None:
    if not isinstance(value, Object):
        field = f"Go struct field .attributes of type toxics.{toxic.go_name}"
        raise GoJsonError(f"json: cannot unmarshal {kind(value)} into {field}")
    fields: Fields = {}
    try:
        attributes.fill_pairs(value.pairs, fields)
    finally:
        for name, number in fields.items():
            setattr(toxic, name, number)
