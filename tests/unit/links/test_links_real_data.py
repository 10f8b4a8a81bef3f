"""What goes through the embedded server fares as it does on the real Toxiproxy: the same scenes on both."""

from __future__ import annotations

import pytest
from links_harness import Road
from twin_corners import CORNERS
from twin_scenes import SCENES, Scene
from twin_toxics import TOXIC_SCENES
from twins import Twins

ATTEMPTS = 3  # a machine that is busy delays things; a difference shows each time


@pytest.mark.parametrize("play", SCENES + TOXIC_SCENES + CORNERS, ids=lambda play: play.__name__)
def test_a_scene_looks_the_same_on_both(twins: Twins, play: Scene) -> None:
    seen: list[object] = []
    for _ in range(ATTEMPTS):
        seen = [played(play, server) for server in twins]
        if seen[0] == seen[1]:
            return
    assert seen[0] == seen[1]


def played(play: Scene, server) -> object:
    road = Road(server)
    try:
        return play(road)
    finally:
        road.close()
