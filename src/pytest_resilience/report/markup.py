"""The few pieces of HTML of which every page is made."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from pytest_resilience.report.style import CSS


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
    """Return one paragraph, or a numbered list of several."""
    if len(texts) == 1:
        return f"<p>{escape(texts[0])}</p>"
    return f"<ol>{''.join(f'<li>{escape(text)}' for text in texts)}</ol>"
