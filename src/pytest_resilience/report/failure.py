"""Failure modes: what a scenario stands for, in the words of whoever is called at night."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pytest_resilience.errors import UsageError

MARKER = "failure_mode"
PARTS = ("symptom", "detection", "mitigation")
EXAMPLE = '@pytest.mark.failure_mode("Redis is gone", symptom="...", detection="...", mitigation=["...", "..."])'


@dataclass(frozen=True, kw_only=True)
class FailureMode:
    """A way in which things go wrong; each part is one paragraph, or several steps.

    :ivar symptom: what is seen from outside.
    :ivar detection: by which alert, metric or log line it is told from others.
    :ivar mitigation: what to do.
    """

    title: str
    symptom: tuple[str, ...]
    detection: tuple[str, ...]
    mitigation: tuple[str, ...]

    @classmethod
    def of(cls, plain: Mapping[str, Sequence[str]]) -> FailureMode:
        """Return the one whose fields these are, as JSON has them."""
        parts = {name: tuple(plain[name]) for name in PARTS}
        return cls(title=str(plain["title"]), **parts)

    @property
    def slug(self) -> str:
        """The name of its page, without a suffix."""
        return re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")


def parse(args: Sequence[object], kwargs: Mapping[str, object], *, where: str) -> FailureMode:
    """Return what the arguments of a marker say.

    :param where: the node id of the test, for messages.
    :raises UsageError: a part is missing, empty, not text, or unknown.
    """
    said = f"{where}: failure_mode({', '.join([*map(repr, args), *(f'{name}={kwargs[name]!r}' for name in kwargs)])})"
    if len(args) != 1 or not isinstance(args[0], str) or not re.search(r"[A-Za-z0-9]", args[0]):
        raise UsageError(f"{said}: expected one title first, with a letter or digit in it: {EXAMPLE}")
    unknown, missing = sorted({*kwargs} - {*PARTS}), [name for name in PARTS if name not in kwargs]
    if unknown or missing:
        wrong = [*(f"{name}= is unknown" for name in unknown), *(f"{name}= is missing" for name in missing)]
        raise UsageError(f"{said}: {', '.join(wrong)}: {EXAMPLE}")
    parts = {name: _part(kwargs[name], f"{said}: {name}=") for name in PARTS}
    return FailureMode(title=" ".join(args[0].split()), **parts)


def check(modes: Iterable[tuple[str, FailureMode]]) -> None:
    """Look through all modes of a session, each with the node id of its test.

    :raises UsageError: two that have the same page say different things.
    """
    known: dict[str, tuple[str, FailureMode]] = {}
    for where, mode in modes:
        there, other = known.setdefault(mode.slug, (where, mode))
        if other != mode:
            raise UsageError(
                f"{where}: failure_mode({mode.title!r}) says something else than that of {there}, and both are the "
                f"runbook {mode.slug}: give one of them another title, or keep the marker in a variable that both use"
            )


def _part(value: object, said: str) -> tuple[str, ...]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list | tuple) or not texts:
        raise UsageError(f"{said}: expected text, or a list of texts, one a step")
    for text in texts:
        if not isinstance(text, str) or not text.strip():
            raise UsageError(f"{said}: {text!r} is no text that says anything")
    return tuple(" ".join(text.split()) for text in texts)
