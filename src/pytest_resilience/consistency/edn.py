"""EDN: a history as Jepsen writes one, an invocation and a completion for each operation.

Source: https://github.com/jepsen-io/jepsen/blob/main/doc/tutorial/index.md and the EDN format, https://github.com/edn-format/edn.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import count

from pytest_resilience.consistency.operation import Fate, Operation


def to_edn(operations: Sequence[Operation]) -> str:
    """Return one map a line, in the order of time: `:process :type :f :value :time` (nanoseconds) and `:index`.

    A completion holds the result of a read, and what was given otherwise. What has a key is a `[key value]` tuple, as
    jepsen.independent has it. A process whose operation is unknown never asks again there, so each process is
    given a new number after one, as Jepsen does.
    """
    if not operations:
        return ""
    origin = min(each.began for each in operations)
    events: list[tuple[float, int, Operation, str]] = []
    for each in operations:
        events.append((each.began, 1, each, "invoke"))
        events.append((each.ended, 0 if each.ended > each.began else 2, each, each.fate.value))
    end = max(at for at, *_ in events if math.isfinite(at))
    events.sort(key=lambda event: (min(event[0], end + 1), event[1]))
    fresh = count()
    asking: dict[object, int] = {}  # which number each process goes by
    given: dict[int, int] = {}  # and went by when it asked this
    lines = []
    for index, (at, _, each, kind) in enumerate(events):
        if kind == "invoke":
            given[id(each)] = asking[each.process] if each.process in asking else next(fresh)
            asking[each.process] = given[id(each)]
            if each.fate is Fate.UNKNOWN:
                del asking[each.process]
        value = each.value if kind == "invoke" or each.result is None else each.result
        shown = _edn(value) if each.key is None else f"[{_edn(each.key)} {_edn(value)}]"
        who, when = given[id(each)], round((min(at, end) - origin) * 1e9)
        lines.append(
            f"{{:index {index}, :process {who}, :type :{kind}, :f :{each.kind}, :value {shown}, :time {when}}}"
        )
    return "\n".join(lines) + "\n"


def _edn(value: object) -> str:
    match value:
        case None:
            text = "nil"
        case bool():
            text = "true" if value else "false"
        case int() | float():
            text = repr(value)
        case Mapping():
            text = "{" + ", ".join(f"{_edn(key)} {_edn(each)}" for key, each in value.items()) + "}"
        case list() | tuple():
            text = "[" + " ".join(map(_edn, value)) + "]"
        case set() | frozenset():
            text = "#{" + " ".join(sorted(map(_edn, value))) + "}"
        case _:
            escaped = str(value).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
            text = f'"{escaped}"'
    return text
