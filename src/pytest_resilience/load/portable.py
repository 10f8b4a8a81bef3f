"""Portability: how what a test gives to `load` reaches the driver process.

cloudpickle carries functions by value, with the variables they capture and the helpers and
constants of their module that they name. What is in a module that the driver can import by itself
is only named. What cannot travel at all, such as an open client or a fixture, is found and told of
by the name under which the function knows it.
"""

from __future__ import annotations

import functools
import inspect
import sys
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType

from pytest_resilience.errors import NotPortable
from pytest_resilience.load.action import User, label_of, name_of
from pytest_resilience.load.each import Each
from pytest_resilience.load.mix import Mix
from pytest_resilience.load.request import Request
from pytest_resilience.load.websocket import WebSocket

Part = tuple[str, object]
DEPTH = 4


def pack_what(what: object) -> bytes:
    """Return `what` in a form that the driver can unpack.

    :raises NotPortable: something in it cannot travel; the message names it.
    """
    import cloudpickle

    with ExitStack() as stack:
        for module in _modules(what):
            stack.enter_context(_by_value(module))
        try:
            packed: bytes = cloudpickle.dumps(what)
        except Exception as error:  # any class may refuse to be pickled, with any exception
            raise NotPortable(_explain(what, error, cloudpickle.dumps)) from error
        return packed


@contextmanager
def _by_value(module: ModuleType) -> Iterator[None]:
    import cloudpickle

    known = module.__name__ in cloudpickle.list_registry_pickle_by_value()
    if not known:
        cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        if not known:
            cloudpickle.unregister_pickle_by_value(module)


def _modules(what: object) -> list[ModuleType]:
    """Return the modules whose functions and classes have to travel by value."""
    found: dict[str, ModuleType] = {}
    for role, value in _walk(what):
        module = sys.modules.get(getattr(value, "__module__", None) or "")
        if module is None or module.__name__ in found or not _is_users(module):
            continue
        if role == "itself" or not _importable(module):
            found[module.__name__] = module
    return list(found.values())


def _walk(what: object) -> Iterator[Part]:
    """Yield the functions that `what` consists of and, some steps deep, what they name."""
    seen: set[int] = set()
    stack = [("itself", part, DEPTH) for _, part in [("", what), *_functions(what)]]
    while stack:
        role, value, depth = stack.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        yield role, value
        if depth:
            stack.extend(("named", part, depth - 1) for _, part in _named(value))


def _functions(what: object) -> list[Part]:
    """Return the functions that `what` consists of, each with the name of its place."""
    parts: list[Part] = []
    if isinstance(what, (Request, WebSocket)):
        places = ("path", "json", "headers", "body", "length", "check", "keep", "send", "expect")
        given = ((place, getattr(what, place, None)) for place in places)
        parts = [(f"{place}=", part) for place, part in given if part is not None]
    elif isinstance(what, Mix):
        parts = [("", part) for part in what.whats]
    elif isinstance(what, Each):
        parts = [("each()", what.items)]
    elif isinstance(what, User):
        parts = [("", what.opens)]
    elif isinstance(what, functools.partial):
        parts = [("", what.func), *((f"argument {i}", value) for i, value in enumerate(what.args))]
    return parts


def _named(value: object) -> list[Part]:
    """Return what a function names outside of itself."""
    parts = _functions(value)
    function = inspect.unwrap(value) if callable(value) else value
    if inspect.ismethod(function):
        parts.append(("self", function.__self__))
        function = function.__func__
    if inspect.isfunction(function):
        free = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        for name, cell in free:
            try:
                parts.append((name, cell.cell_contents))
            except ValueError:  # not assigned yet
                continue
        parts.extend((f"default {value!r}", value) for value in function.__defaults__ or ())
        names = _names_of(function.__code__)
        parts.extend((name, function.__globals__[name]) for name in names if name in function.__globals__)
    return parts


def _names_of(code: object) -> list[str]:
    """Return the global names of a function and of those defined in it."""
    if not inspect.iscode(code):
        return []
    return [*code.co_names, *(name for constant in code.co_consts for name in _names_of(constant))]


def _is_users(module: ModuleType) -> bool:
    file = getattr(module, "__file__", None)
    if module.__name__ == "__main__":
        return False  # travels by value anyway
    if not file or module.__name__.partition(".")[0] == "pytest_resilience":
        return False
    paths = sysconfig.get_paths()
    installed = [Path(paths[name]).resolve() for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    return not any(Path(file).resolve().is_relative_to(place) for place in installed)


def _importable(module: ModuleType) -> bool:
    """Tell whether the driver, which has our `sys.path`, would import the same file under that name."""
    if Path(module.__file__ or "").name == "conftest.py":
        return False  # there may be many of that name
    path: list[str] | None = None
    package = ""
    for part in module.__name__.split("."):
        package = f"{package}.{part}" if package else part
        spec = PathFinder.find_spec(package, path)
        if spec is None:
            return False
        path = list(spec.submodule_search_locations or [])
    return spec is not None and spec.origin == module.__file__


def _explain(what: object, error: Exception, dumps: Callable[[object], bytes]) -> str:
    """Return which part of `what` cannot travel, how it is called there, and what to do instead."""
    owner, culprit = label_of(what), _culprit(what, dumps, DEPTH)
    if culprit is None:
        return f"{owner} cannot travel to the driver process: {error}"
    (name, value), holder = culprit
    holder = holder or owner
    address = f"{name}.url" if hasattr(type(value), "url") else "its URL"
    return (
        f"{holder} captures {name!r}, a {type(value).__name__}, which cannot travel to the driver process ({error}). "
        f"Capture what it needs of it instead, such as {address}, in a variable of its own; "
        "a client is opened where it is used: in a @user generator"
    )


def _culprit(what: object, dumps: Callable[[object], bytes], depth: int) -> tuple[Part, str] | None:
    """Return the innermost named part that cannot be pickled, and the name of the function that names it."""
    for name, part in _named(what):
        try:
            dumps(part)
        except Exception:  # noqa: BLE001  (as above)
            inner = _culprit(part, dumps, depth - 1) if depth else None
            if inner is not None:
                return inner
            if inspect.isroutine(part) and name.endswith("="):
                continue
            return (name, part), "" if isinstance(what, (Request, WebSocket, User)) else name_of(what)
    return None
