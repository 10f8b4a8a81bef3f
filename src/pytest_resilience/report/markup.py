"""The few pieces of HTML of which every page is made."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape

from pytest_resilience.report.style import CSS

CODE = re.compile(r"`([^`]+)`")


def head(title: str) -> str:
    """Return the beginning of a page that loads nothing."""
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title><style>{CSS}</style>"
    )


def table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of cells that are HTML already; nothing for no rows."""
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    if not body:
        return ""
    top = "".join(f"<th>{name}</th>" for name in names)
    return f"<div class=scroll><table><tr>{top}</tr>{body}</table></div>"


def steps(texts: Sequence[str]) -> str:
    """Return one paragraph, or a numbered list of several; what is in backticks is code, as in Markdown."""
    if len(texts) == 1:
        return f"<p>{_prose(texts[0])}</p>"
    return f"<ol>{''.join(f'<li>{_prose(text)}' for text in texts)}</ol>"


def _prose(text: str) -> str:
    return CODE.sub(r"<code>\1</code>", escape(text))
