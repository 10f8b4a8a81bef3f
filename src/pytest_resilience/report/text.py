"""A story as text for the terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from pytest_resilience.report.story import Story
from pytest_resilience.timeline import Episode, Timeline

TIMES = 3  # that the same fault is told in the summary; the timeline has them all


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
    missed = story.visit.missed if story.visit else []
    return "; ".join([*_faults(outermost(story.timeline.episodes)), *missed, *map(repr, story.runs)])


def _faults(episodes: Sequence[Episode]) -> Iterator[str]:
    """Yield each fault; of one that was struck again and again the first times, and how many more there were."""
    times: Counter[str] = Counter()
    for episode in episodes:
        times[episode.name] += 1
        if episode.healed is None or times[episode.name] <= TIMES:
            yield _episode(episode)
    for name, count in times.items():
        if count > TIMES:
            yield f"{name} {count} times in all"


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
