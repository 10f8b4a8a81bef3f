"""A story as text for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_resilience.report.story import Story
from pytest_resilience.timeline import Episode, Timeline


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
