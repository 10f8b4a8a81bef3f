"""Models: how a thing behaves that does one operation after another. States are values."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Protocol

from pytest_resilience.consistency.operation import Fate, Operation
from pytest_resilience.errors import UsageError


class Model(Protocol):
    """What a store promises to behave like, one key of it."""

    @property
    def initial(self) -> Hashable:
        """The state before the first operation."""

    def step(self, state: Hashable, operation: Operation) -> tuple[Hashable] | None:
        """Return the state after it, in a tuple; None if it could not have been answered so in this state.

        Of an operation with an unknown fate there is no answer: return the state in which it leaves the thing.

        :raises UsageError: it has no such operation.
        """


@dataclass(frozen=True)
class Register:
    """A value that is read, written and compared-and-set: kinds "read", "write" and "cas".

    The result of a read is what was read, that of a compare-and-set whether it was made (True or False).
    """

    initial: Hashable = None

    def step(self, state: Hashable, operation: Operation) -> tuple[Hashable] | None:
        """Return the value after it."""
        if operation.kind == "write":
            return (operation.value,)
        if operation.kind == "read":
            return (state,) if operation.result == state else None
        if operation.kind == "cas":
            return self._compare_and_set(state, operation)
        raise UsageError(f"{operation}: a register is read, written (kind 'write') or compared-and-set ('cas')")

    def _compare_and_set(self, state: Hashable, operation: Operation) -> tuple[Hashable] | None:
        if not isinstance(operation.value, tuple) or len(operation.value) != 2:
            raise UsageError(f"{operation}: the value of a compare-and-set is (old, new)")
        old, new = operation.value
        if operation.fate is not Fate.UNKNOWN and not isinstance(operation.result, bool):
            raise UsageError(f"{operation}: the result of a compare-and-set is whether it was made, True or False")
        made = state == old
        if operation.fate is Fate.OK and operation.result != made:
            return None
        return (new if made else state,)


@dataclass(frozen=True)
class Lock:
    """A lock that one process at a time holds: kinds "acquire" and "release", with `process=` for whom.

    The result of "acquire" is whether it was had (True or False, None counting as True).
    """

    initial: Hashable = None
    """Who holds it; None for nobody."""

    def step(self, state: Hashable, operation: Operation) -> tuple[Hashable] | None:
        """Return who holds it after it."""
        if operation.process is None:
            raise UsageError(f"{operation}: who asked for the lock has to be known: give process=")
        if operation.kind == "acquire":
            if operation.result is False:
                return (state,) if state is not None else None
            return (operation.process,) if state is None else None
        if operation.kind == "release":
            return (None,) if state == operation.process else None
        raise UsageError(f"{operation}: a lock is acquired (kind 'acquire') or released ('release')")
