"""Troubles: which lines of a log tell of an error, and what those that say the same have in common."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

LONG = 200  # characters of what they have in common
TRACE = re.compile(r"[\s|+]*(?:Exception Group )?Traceback \(most recent call last\)")
EXCEPTION = re.compile(r"[A-Za-z_][\w.]*(?::\s|$)")
LEVEL = re.compile(
    # As a word of its own near the beginning, as logging, Postgres and most others write it,
    r"""^.{0,120}?(?:^|[\s\[<|("=])(?:WARN(?:ING)?|ERR(?:OR)?|CRIT(?:ICAL)?|FATAL|PANIC|SEVERE|EMERG|ALERT)(?=[\s\]>|)":,]|$)"""
    # as a field, as JSON and logfmt have it, or as the first word.
    r"""|(?i:\blevel"?\s*[=:]\s*"?(?:warn|err|crit|fatal|panic|alert|emerg))"""
    r"""|^(?i:panic|fatal error|error|warning|exception):?\s"""
)
REDIS = re.compile(r"\d+:[XCSM] \d{1,2} \w{3} \d{4} [\d:.]+ # ")  # its own sign for a warning
DATE = re.compile(r"^(?:\d+:[XCSM] )?\d{1,2} \w{3} \d{4} [\d:.]+ ")
NUMBER = re.compile(
    r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"  # a UUID
    r"|0x[0-9a-fA-F]+|\b(?=[a-f]*\d)[0-9a-f]{6,}\b"  # hexadecimal
    r"|\d+(?:[.:,/-]\d+)*"  # a number, an address, a date, a time
)


def troubles(lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Yield those of the lines (each with its place) that tell of an error.

    Of a traceback it is the last line, which names the exception; of all else, lines of level warning and above.
    """
    tracing = False
    for place, line in lines:
        text = line.rstrip()
        if TRACE.match(text):
            tracing = True
        elif tracing and (not text or text[0] in " \t|+"):
            continue
        elif (tracing and EXCEPTION.match(text)) or LEVEL.search(text) or REDIS.match(text):
            tracing = False
            yield place, text
        else:
            tracing = False


def common(text: str) -> str:
    """Return what a line has in common with those that differ from it in numbers, addresses, dates and ids alone.

    >>> common("FATAL: job 3f2a9c71 of worker-7 lost after 0.25 s at 127.0.0.1:5432")
    'FATAL: job <n> of worker-<n> lost after <n> s at <n>'
    """
    told = NUMBER.sub("<n>", DATE.sub("", text.strip()))
    return " ".join(told.split())[:LONG]
