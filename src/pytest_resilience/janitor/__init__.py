"""The janitor: a journal of what to undo, written before each deed, and a process that outlives us to undo it."""

from __future__ import annotations

from pytest_resilience.janitor.janitor import Janitor, Promise
from pytest_resilience.janitor.launch import Child
from pytest_resilience.janitor.undo import (
    DeleteNamespace,
    DeleteTable,
    KillGroup,
    KillMarked,
    RemoveCgroup,
    RemoveContainers,
    RemoveDirectory,
    RemoveFaketime,
    RemoveSharedMemory,
    Undo,
    Unmount,
)

__all__ = [
    "Child",
    "DeleteNamespace",
    "DeleteTable",
    "Janitor",
    "KillGroup",
    "KillMarked",
    "Promise",
    "RemoveCgroup",
    "RemoveContainers",
    "RemoveDirectory",
    "RemoveFaketime",
    "RemoveSharedMemory",
    "Undo",
    "Unmount",
]
