"""The undos: what can be promised, and how each is written down in one line of JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

from pytest_resilience.errors import JanitorError, ResilienceError
from pytest_resilience.janitor.cgroup import RemoveCgroup
from pytest_resilience.janitor.engine import RemoveContainers
from pytest_resilience.janitor.faketime import RemoveFaketime
from pytest_resilience.janitor.kill import KillGroup, KillMarked
from pytest_resilience.janitor.memory import RemoveSharedMemory
from pytest_resilience.janitor.network import DeleteNamespace, DeleteTable
from pytest_resilience.janitor.place import RemoveDirectory, Unmount

__all__ = [
    "DeleteNamespace",
    "DeleteTable",
    "KillGroup",
    "KillMarked",
    "RemoveCgroup",
    "RemoveContainers",
    "RemoveDirectory",
    "RemoveFaketime",
    "RemoveSharedMemory",
    "Undo",
    "Unmount",
    "decode",
    "encode",
]

Undo = (
    KillGroup
    | KillMarked
    | RemoveCgroup
    | RemoveContainers
    | RemoveDirectory
    | RemoveFaketime
    | RemoveSharedMemory
    | Unmount
    | DeleteNamespace
    | DeleteTable
)

_KINDS: tuple[type[Undo], ...] = (
    KillGroup,
    KillMarked,
    RemoveCgroup,
    RemoveContainers,
    RemoveDirectory,
    RemoveFaketime,
    RemoveSharedMemory,
    Unmount,
    DeleteNamespace,
    DeleteTable,
)


def encode(undo: Undo) -> str:
    """Return an undo as one line of JSON, without its end."""
    values = {one.name: getattr(undo, one.name) for one in fields(undo)}
    plain = {name: str(value) if isinstance(value, Path) else value for name, value in values.items()}
    return json.dumps({"kind": type(undo).__name__, **plain})


def decode(line: str) -> Undo:
    """Return the undo that `encode` wrote.

    :raises JanitorError: it is of a kind, or has fields, that this version does not know.
    """
    try:
        values: dict[str, object] = json.loads(line)
        kind = {kind.__name__: kind for kind in _KINDS}[str(values.pop("kind"))]
        made: Callable[..., Undo] = kind
        return made(**{one.name: _value(one.type, values.pop(one.name)) for one in fields(kind)}, **values)
    except (ValueError, KeyError, AttributeError, TypeError, ResilienceError) as error:
        raise JanitorError(f"{line!r} is no undo that this version of pytest-resilience knows") from error


def _value(written: object, value: object) -> object:
    """Return a field's value in the type with which the field is written in the class."""
    match written, value:
        case ("int" | "int | None", int()) if not isinstance(value, bool):
            return value
        case ("int | None", None) | ("str", str()):
            return value
        case "Path", str():
            return Path(value)
    raise TypeError(f"{value!r} is not {written}")
