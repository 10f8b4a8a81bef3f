"""A rule, a group of them, and the file of both that Prometheus reads.

The file is YAML of the few shapes that rules have: every scalar is quoted as JSON is, which YAML contains, and an
expression of several lines is a literal block.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class AlertRule:
    """One alerting rule.

    :ivar alert: its name.
    :ivar expr: PromQL, of one line or several.
    :ivar lasting: for how long it has to hold, such as "2m".
    """

    alert: str
    expr: str
    lasting: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]

    def lines(self) -> list[str]:
        """Return it as YAML."""
        return [
            f"- alert: {_text(self.alert)}",
            "  expr: |-",
            *(f"    {line}" for line in self.expr.splitlines()),
            f"  for: {_text(self.lasting)}",
            *_mapping("labels", self.labels),
            *_mapping("annotations", self.annotations),
        ]


@dataclass(frozen=True, kw_only=True)
class AlertGroup:
    """The rules of one service; `str()` of it is a file for Prometheus with this group alone.

    :ivar left_out: what was promised and has no rule, and why.
    """

    name: str
    rules: tuple[AlertRule, ...]
    left_out: tuple[str, ...] = field(default=())

    def __str__(self) -> str:
        return rules_file([self])


def rules_file(groups: Iterable[AlertGroup]) -> str:
    """Return a file of rules, as `promtool check rules` takes it."""
    lines = ["# Made by pytest-resilience from the objectives of its scenarios: make it anew rather than edit it."]
    body = ["groups:"]
    for group in groups:
        lines += [f"# {group.name}: {why}" for why in group.left_out]
        body += [f"  - name: {_text(group.name)}", "    rules:"]
        body += [f"      {line}" for rule in group.rules for line in rule.lines()]
    return "\n".join([*lines, *body]) + "\n"


def _mapping(name: str, values: Mapping[str, str]) -> list[str]:
    return [f"  {name}:", *(f"    {key}: {_text(value)}" for key, value in values.items())] if values else []


def _text(value: str) -> str:
    return json.dumps(value)
