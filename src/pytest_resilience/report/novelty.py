"""What is new: kinds of errors that the report which was in the folder before did not have of the same test."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pytest_resilience.report.record import SCHEMA, Record

Key = tuple[str, str, str]


class Known:
    """The kinds of errors of each test in earlier reports of a folder.

    A run of a part of the tests does not forget the others: what was known of them is written again.
    """

    def __init__(self, seen: Mapping[str, set[Key]] | None = None) -> None:
        self._seen = {name: set(keys) for name, keys in (seen or {}).items()}

    @classmethod
    def of(cls, path: Path) -> Known:
        """Return what a `report.json` knows; nothing where there is none, or none that can be read."""
        try:
            report = json.loads(path.read_text(encoding="utf-8"))
            if report["schema"] != SCHEMA:
                return cls()
            seen = {name: {_key(key) for key in keys} for name, keys in report.get("seen", {}).items()}
            for test in report["tests"]:
                if "groups" in test and test["outcome"] != "skipped":
                    seen[test["name"]] = {_key([one["source"], one["kind"], one["text"]]) for one in test["groups"]}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return cls()
        return cls(seen)

    def judged(self, record: Record) -> Record:
        """Return the record, each kind of its errors with whether it is new."""
        known = self._seen.get(record.name)
        groups = tuple(
            replace(group, new=None if known is None or group.kind == "rest" else group.key not in known)
            for group in record.groups
        )
        return replace(record, groups=groups)

    @property
    def plain(self) -> dict[str, list[list[str]]]:
        """It, as JSON has it."""
        return {name: sorted(map(list, keys)) for name, keys in sorted(self._seen.items())}


def _key(parts: list[str]) -> Key:
    source, kind, text = parts
    return source, kind, text
