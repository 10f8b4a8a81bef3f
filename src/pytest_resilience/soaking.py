"""The `soak` fixture, and which tests with the marker `soak` are run: those that were asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_resilience.fixtures import NOTES, OPTIONS
from pytest_resilience.options import Options

if TYPE_CHECKING:
    from pytest_resilience.load.loader import Loader
    from pytest_resilience.report.story import Story
    from pytest_resilience.soak.soaker import Soaker


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out soaks unless they were asked for: by `-m soak`, by a duration, or by their file."""
    expression = str(config.getoption("markexpr", ""))
    if "soak" in expression or config.stash[OPTIONS].duration is not None:
        return
    named = {Path(config.invocation_params.dir, word.split("::")[0]).resolve() for word in config.args}
    left = [item for item in items if item.get_closest_marker("soak") and item.path.resolve() not in named]
    if not left:
        return
    items[:] = [item for item in items if item not in left]
    config.hook.pytest_deselected(items=left)
    config.stash[NOTES].append(
        f"{len(left)} soak{'s' * (len(left) > 1)} left out: they take minutes to days; run them with `pytest -m soak`"
    )


@pytest.fixture
def soak(
    request: pytest.FixtureRequest,
    resilience_options: Options,
    load: Loader,
    tmp_path_factory: pytest.TempPathFactory,
    _story: Story,
) -> Iterator[Soaker]:
    """Drives load for `--resilience-duration`, in rounds that are kept on disk, and tells of it as one.

    `found = soak(lambda: load(Get(url), rate=50), app, faults=monkey(redis_server.killed, gap=(60, 300)))`,
    then `SLO(...).met_by(found.calm)`, `found.steady()`, `found.harness_steady()`. By `--resilience-soak-state=DIR`
    one that is interrupted goes on from its last round.
    """
    from pytest_resilience.services.family import measure
    from pytest_resilience.soak.logbook import Identity
    from pytest_resilience.soak.soaker import Soaker

    options = resilience_options
    soaker = Soaker(
        Identity(request.node.nodeid, options.seed, options.soak_duration),
        folder=lambda: Path(options.soak_state) if options.soak_state else tmp_path_factory.mktemp("soak"),
        forget=load.forget,
        usage=measure,
        line=_story.timeline,
        note=request.config.stash[NOTES].append,
        tell=_story.soaks.append,
    )
    yield soaker
    soaker.close()
