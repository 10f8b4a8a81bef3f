"""The cells of a fault matrix, and the grid of what was exercised."""

from __future__ import annotations

import pytest
from fault_toys import Toy

from pytest_resilience import Episode, Fault, Receipt, fault_matrix
from pytest_resilience.errors import UsageError
from pytest_resilience.report.coverage import LEGEND, covered, grid_lines, merged
from pytest_resilience.report.story import Story


def broken(toy: Toy) -> Fault:
    return toy.broken(touching=3)


def test_there_is_a_cell_for_each_fault_of_each_dependency_and_each_magnitude() -> None:
    cells = fault_matrix(
        {
            "redis_server": "killed paused",
            "postgres_server": ["restarted"],
            "database_link": {"severed": (), "slowed": (0.05, 0.5), "silent": broken},  # type: ignore[dict-item]
        }
    )
    assert [str(cell) for cell in cells] == [
        "redis_server-killed",
        "redis_server-paused",
        "postgres_server-restarted",
        "database_link-severed",
        "database_link-slowed(0.05)",
        "database_link-slowed(0.5)",
        "database_link-silent",
    ]


def test_a_cell_makes_its_fault_of_what_the_fixture_gives() -> None:
    toy = Toy("redis")
    plain, own = fault_matrix({"toy": {"broken": (), "badly": broken}})  # type: ignore[dict-item]
    assert plain.of(toy).name == "redis.broken"
    with own.of(toy) as episode:
        assert episode.receipt.counts == {"parts": 3}
    with pytest.raises(UsageError, match="toy.melted: .*has no fault of that name"):
        fault_matrix({"toy": "melted"})[0].of(toy)
    with pytest.raises(UsageError, match="toy-odd: its function gives 'redis', not a fault"):
        fault_matrix({"toy": {"odd": lambda one: one.name}})[0].of(toy)  # type: ignore[dict-item]


class Pair:
    """Two toys as one, as a cluster is two servers."""

    def __init__(self) -> None:
        self.first, self.second = Toy("a"), Toy("b")


def test_a_cell_may_be_a_fault_of_a_member() -> None:
    cells = fault_matrix({"pair": "first.broken second.broken third.broken"})
    assert [str(cell) for cell in cells] == ["pair-first.broken", "pair-second.broken", "pair-third.broken"]
    pair = Pair()
    assert [cell.of(pair).name for cell in cells[:2]] == ["a.broken", "b.broken"]
    with pytest.raises(UsageError, match=r"pair\.third\.broken: .*has no fault of that name"):
        cells[2].of(pair)


@pytest.mark.parametrize(
    ("menu", "message"),
    [
        ({"pair": "first..broken"}, "fault_matrix: pair: 'first..broken' is no name of a fault"),
        ({}, "fault_matrix: there is no fault on the menu"),
        ("redis_server", "fault_matrix: 'redis_server' is no menu"),
        ({"redis_server": [3]}, "fault_matrix: redis_server: 3 is no name of a fault"),
        ({"redis_server": "killed killed"}, "fault_matrix: redis_server-killed is there twice"),
    ],
)
def test_what_is_no_matrix_is_refused(menu: object, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        fault_matrix(menu)  # type: ignore[arg-type]


def story(*episodes: tuple[str, int], cells: tuple[str, ...] = ()) -> Story:
    told = Story(cells=list(cells))
    told.timeline.episodes += [Episode(name, 0.0, Receipt(parts=parts), 1.0) for name, parts in episodes]
    return told


def test_a_test_tells_what_it_exercised() -> None:
    told = story(("redis.killed", 1), ("redis.paused", 0), ("redis.paused", 0), cells=("redis.killed", "road.severed"))
    assert covered(told) == "redis.killed=bit;road.severed=skipped;redis.paused=idle"
    assert covered(story(("road.toxic(latency)", 1))) == "road.toxic(latency)=bit"
    assert covered(story(("together(a.b, c.d)", 1), ("monkey(a.b)", 1), ("schedule", 1))) == ""
    assert covered(story(("evicted", 1), ("my shop; old.killed", 0))) == "evicted=bit;my shop, old.killed=idle"


def test_the_most_that_any_test_has_shown_counts() -> None:
    assert merged(["redis.killed=skipped", "", "redis.killed=bit;redis.paused=skipped", "redis.killed=idle"]) == {
        ("redis", "killed"): "bit",
        ("redis", "paused"): "skipped",
    }
    assert merged(["evicted=bit;my shop.killed=idle;road.toxic(latency=0.5)=bit"]) == {
        ("evicted", "evicted"): "bit",
        ("my shop", "killed"): "idle",
        ("road", "toxic(latency=0.5)"): "bit",
    }


def test_the_grid_has_dependencies_in_rows_and_faults_in_columns() -> None:
    words = merged(["redis.killed=bit;redis.paused=idle;database.severed=bit;database.slowed=skipped"])
    assert grid_lines(words) == [
        "fault coverage  killed   paused   severed  slowed",
        "database        -        -        bit      skipped",
        "redis           bit      idle     -        -",
        LEGEND,
    ]


def test_a_grid_that_is_too_wide_comes_in_pieces() -> None:
    words = merged(["redis.killed=bit;redis.paused=idle;database.severed=bit"])
    assert grid_lines(words, width=34) == [
        "fault coverage  killed   paused",
        "database        -        -",
        "redis           bit      idle",
        "fault coverage  severed",
        "database        bit",
        "redis           -",
        LEGEND,
    ]


def test_one_fault_alone_needs_no_grid() -> None:
    assert grid_lines(merged(["redis.killed=bit"])) == []
