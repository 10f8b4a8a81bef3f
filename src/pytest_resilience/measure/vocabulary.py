"""A vocabulary: texts, each kept once and known by its number."""

from __future__ import annotations

from collections.abc import Iterable

MOST = 30_000
OTHERS = "(others)"


class Vocabulary:
    """Texts and their numbers; only grows, and from one thread, so that any thread may read it meanwhile.

    Numbers are kept in two bytes. Where a test names every call differently, those after the first 30,000
    names share one, "(others)".
    """

    __slots__ = ("_numbers", "texts")

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self.texts = list(texts)
        self._numbers = {text: number for number, text in enumerate(self.texts)}

    def number(self, text: str) -> int:
        """Return the number of `text`, a new one if it is new."""
        known = self._numbers.get(text)
        if known is None:
            if len(self.texts) >= MOST:
                return self._add(OTHERS) if OTHERS not in self._numbers else self._numbers[OTHERS]
            known = self._add(text)
        return known

    def _add(self, text: str) -> int:
        number = len(self.texts)
        self.texts.append(text)
        self._numbers[text] = number
        return number

    def find(self, text: str) -> int | None:
        """Return the number of `text`, None if it never came."""
        return self._numbers.get(text)
