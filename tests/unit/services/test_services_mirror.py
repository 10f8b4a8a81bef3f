"""The mirror of a directory: equal to its original, at the price of what differs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_resilience.services.mirror import mirror
from pytest_resilience.services.spares import KEPT, Spares


@pytest.fixture
def original(tmp_path: Path) -> Path:
    top = tmp_path / "original"
    (top / "base" / "1").mkdir(parents=True)
    (top / "base" / "1" / "pages").write_bytes(b"page" * 4096)
    (top / "empty").write_bytes(b"")
    (top / "conf").write_text("port = 1")
    (top / "conf").chmod(0o600)
    return top


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return tmp_path / "copy"


def tree(top: Path) -> dict[str, bytes | None]:
    return {str(one.relative_to(top)): one.read_bytes() if one.is_file() else None for one in top.rglob("*")}


def test_a_copy_is_equal_to_its_original(original: Path, copy: Path) -> None:
    assert mirror(original, copy) == 3
    assert tree(copy) == tree(original)
    assert (copy / "conf").stat().st_mode == (original / "conf").stat().st_mode


def test_what_is_equal_is_not_written_again(original: Path, copy: Path) -> None:
    mirror(original, copy)
    assert mirror(original, copy) == 0


def test_what_was_changed_added_and_removed_is_undone(original: Path, copy: Path) -> None:
    mirror(original, copy)
    (copy / "conf").write_text("port = 2")
    (copy / "empty").unlink()
    (copy / "new").mkdir()
    (copy / "new" / "file").write_text("new")
    (copy / "base" / "1" / "pages").write_bytes(b"more" * 9999)
    assert mirror(original, copy) == 3
    assert tree(copy) == tree(original)


def test_a_file_in_the_place_of_a_directory_is_replaced_and_the_other_way_round(original: Path, copy: Path) -> None:
    mirror(original, copy)
    (copy / "base" / "1" / "pages").unlink()
    (copy / "base" / "1").rmdir()
    (copy / "base" / "1").write_text("a file")
    (copy / "conf").unlink()
    (copy / "conf").mkdir()
    mirror(original, copy)
    assert tree(copy) == tree(original)


def test_a_link_is_removed_and_what_it_points_to_is_left_alone(original: Path, copy: Path, tmp_path: Path) -> None:
    mirror(original, copy)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("kept")
    (copy / "link").symlink_to(outside)
    (copy / "conf").unlink()
    (copy / "conf").symlink_to(outside / "kept")
    mirror(original, copy)
    assert tree(copy) == tree(original)
    assert (outside / "kept").read_text() == "kept"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, who alone may give files away")
def test_a_copy_belongs_to_whom_it_is_given(original: Path, copy: Path) -> None:
    copy.mkdir()
    mirror(original, copy, owner=65534)
    assert {one.stat().st_uid for one in (copy, *copy.rglob("*"))} == {65534}


def test_a_spare_is_taken_once(tmp_path: Path, copy: Path) -> None:
    spares = Spares(tmp_path / "template")
    assert not spares.take(copy)
    copy.mkdir()
    (copy / "mark").write_text("used")
    assert spares.keep(copy)
    assert not copy.exists()
    assert spares.take(copy)
    assert (copy / "mark").read_text() == "used"
    assert not spares.take(tmp_path / "another")


def test_a_spare_goes_to_where_an_empty_directory_is(tmp_path: Path, copy: Path) -> None:
    spares = Spares(tmp_path / "template")
    copy.mkdir()
    (copy / "mark").touch()
    spares.keep(copy)
    place = tmp_path / "place"
    place.mkdir()
    assert spares.take(place)
    assert (place / "mark").exists()


def test_only_so_many_spares_are_kept(tmp_path: Path) -> None:
    spares = Spares(tmp_path / "template")
    used = [tmp_path / f"used-{number}" for number in range(KEPT + 1)]
    for directory in used:
        directory.mkdir()
    assert [spares.keep(directory) for directory in used] == [True] * KEPT + [False]
    assert used[-1].exists()
