"""Leftovers: faults that a test left in force, which are healed for it and named."""

from __future__ import annotations

from pytest_resilience.timeline import Episode


def heal(episodes: list[Episode]) -> list[str]:
    """Heal each of `episodes` and return what went wrong."""
    troubles = []
    for episode in episodes:
        try:
            if episode.heal is not None:
                episode.heal()
        except Exception as error:  # noqa: BLE001  (a user's fault may raise anything; the others are healed still)
            troubles.append(f"{episode.name} could not be healed: {error!r}")
        else:
            if episode.in_force:
                troubles.append(f"{episode.name} could not be healed: its heal was begun, and was broken off")
    return troubles


def complaint(left: list[Episode], troubles: list[str]) -> str:
    """Say which faults were left, and what went wrong with healing them."""
    names = ", ".join(dict.fromkeys(episode.name for episode in left))
    advice = ", and healed by force; enter a fault with `with`, so that it is healed whatever happens"
    forced = "" if all(episode.in_force for episode in left) else advice
    return f"{names}: still in force when the test ended{forced}" + "".join(f"\n  {trouble}" for trouble in troubles)
