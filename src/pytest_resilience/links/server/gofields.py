"""The fields of a Go struct: how `encoding/json` fills them from an object.

Names are compared without regard to case, unknown ones are ignored, `null` leaves what is there,
the last of several wins, and a value of the wrong type is an error that is raised only after all
the other fields have been filled.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from .gojson import GoJsonError, Number, Object, Value, nearest_float32

Scalar = str | bool | int | float
Fields = dict[str, Scalar]

_INTEGER = re.compile(r"-?[0-9]+")
_BITS = {"int": 64, "int64": 64}


@dataclass(frozen=True)
class Struct:
    """A Go struct.

    :ivar name: what errors call it.
    :ivar types: field -> Go type: string, bool, int, int64, float32, or the name of a struct.
    :ivar path: the fields that lead to it, for errors.
    :ivar promoted: embedded fields, with the field they are embedded in.
    """

    name: str
    types: Mapping[str, str]
    path: tuple[str, ...] = ()
    promoted: str = ""

    def fill(self, value: Value, into: Fields, *, whole: str) -> None:
        """Fill `into` from an object.

        :param whole: the type of the whole, for the error about something that is no object.
        :raises GoJsonError: something has the wrong type; the other fields are filled.
        """
        if value is None:
            return
        if not isinstance(value, Object):
            raise GoJsonError(f"json: cannot unmarshal {kind(value)} into Go value of type {whole}")
        self.fill_pairs(value.pairs, into)

    def fill_pairs(self, pairs: list[tuple[str, Value]], into: Fields) -> None:
        """Fill `into` from the pairs of an object, as `fill` does."""
        first_error: GoJsonError | None = None
        for key, value in pairs:
            name = self._field(key)
            if name is None or value is None:
                continue
            try:
                converted = _convert(value, self.types[name])
            except TypeError as wrong:
                first_error = first_error or GoJsonError(
                    f"json: cannot unmarshal {wrong} into Go struct field {self.name}.{self._path(name)} "
                    f"of type {self.types[name]}"
                )
            else:
                if converted is not None:
                    into[name] = converted
        if first_error is not None:
            raise first_error

    def _path(self, name: str) -> str:
        embedded = (self.promoted,) if self.promoted and name != "enabled" else ()
        return ".".join((*self.path, *embedded, name))

    def _field(self, key: str) -> str | None:
        if key in self.types:
            return key
        folded = fold(key)
        return next((name for name in self.types if fold(name) == folded), None)


def fold(name: str) -> str:
    """Return `name` without regard to case, as Go folds it (two letters beyond ASCII fold to s and k)."""
    return name.replace("\u017f", "s").replace("\u212a", "k").lower()


def kind(value: Value) -> str:
    """Return what Go calls a value that it did not expect."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, str):
        return "string"
    if isinstance(value, Number):
        return "number"
    return "object" if isinstance(value, Object) else "array"


def _convert(value: Value, wanted: str) -> Scalar | None:
    """Return `value` as a Go type; raise TypeError with what it is instead."""
    if wanted == "string" and isinstance(value, str):
        return value
    if wanted == "bool" and isinstance(value, bool):
        return value
    if wanted in _BITS and isinstance(value, Number):
        return _integer(value.text, _BITS[wanted])
    if wanted == "float32" and isinstance(value, Number):
        return _float32(value.text)
    if isinstance(value, Object) and "." in wanted:
        return None  # a struct without fields of its own in JSON
    raise TypeError(kind(value))


def _integer(text: str, bits: int) -> int:
    if not _INTEGER.fullmatch(text) or len(text) > 20 or not -(1 << bits - 1) <= int(text) < 1 << bits - 1:
        raise TypeError(f"number {text}")
    return int(text)


def _float32(text: str) -> float:
    value = nearest_float32(float(text))
    if math.isinf(value):
        raise TypeError(f"number {text}")
    return value
