"""A story as text for the terminal."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby

from pytest_resilience.report.story import Story
from pytest_resilience.timeline import Episode, Timeline

LOG_LINES = 30
ALIKE = 3  # so many lines in a row are shown as one
MOMENT = re.compile(r"\d+(?=[:./,])|(?<=[:./,])\d+")  # parts of times, dates, addresses and ports, and not a status


def timeline_lines(timeline: Timeline) -> list[str]:
    """Return what happened, a line each, with seconds since the timeline began."""
    events = [(mark.at, mark.text) for mark in timeline.marks]
    for episode in timeline.episodes:
        events.append((episode.struck, f"{episode.name} struck"))
        if episode.healed is None:
            continue
        lasted = episode.healed - episode.struck
        events.append((episode.healed, f"{episode.name} healed after {lasted:.2f} s: {episode.receipt}"))
    events.sort(key=lambda event: event[0])
    lines = [f"{at - timeline.started:8.3f} s  {text}" for at, text in events]
    return lines + [f"never healed  {episode.name}: {episode.receipt}" for episode in timeline.in_force]


def summary_line(story: Story) -> str:
    """Return the story in one line: the faults with their receipts, whom the monkey missed, then each run."""
    faults = [_episode(episode) for episode in outermost(story.timeline.episodes)]
    missed = story.visit.missed if story.visit else []
    return "; ".join([*faults, *missed, *map(repr, story.runs)])


def last_lines(text: str, *, lines: int = LOG_LINES) -> str:
    """Return the last `lines` lines of `text`, saying how many were left out.

    Lines in a row that differ in times and addresses alone are one: the requests that went well after a fault
    would push out what the service said while it lasted.
    """
    every = text.splitlines()
    shown: list[str] = []
    left_out = len(every)
    for _, group in groupby(reversed(every), key=lambda line: MOMENT.sub("#", line)):
        if len(shown) >= lines:
            break
        alike = list(group)
        if len(alike) >= ALIKE:
            shown += [alike[0], f"({len(alike) - 1} lines like the next)"]
            left_out -= len(alike)
        else:
            room = alike[: lines - len(shown)]
            shown += room
            left_out -= len(room)
    head = [f"({left_out} earlier lines)"] if left_out else []
    return "\n".join([*head, *reversed(shown)])


def _episode(episode: Episode) -> str:
    if episode.healed is None:
        return f"{episode.name} NEVER HEALED ({episode.receipt})"
    return f"{episode.name} {episode.healed - episode.struck:.2f} s ({episode.receipt})"


def outermost(episodes: Sequence[Episode]) -> list[Episode]:
    """Leave out the parts of a `together(...)` or `monkey(...)`, whose receipts it repeats."""
    wholes = [episode.name for episode in episodes if episode.name.startswith(("together(", "monkey("))]
    return [
        episode
        for episode in episodes
        if not any(f"({episode.name}" in whole or f", {episode.name}" in whole for whole in wholes)
    ]
