"""The logbook of a soak: what was written is read again, and what is not its own is refused in words."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_resilience.errors import UsageError
from pytest_resilience.measure.frozen import freeze
from pytest_resilience.soak.logbook import Identity, Logbook
from pytest_resilience.soak.round import Round

MINE = Identity("tests/soak/test_it.py::test_it[a b]", 7, 60.0)


def a_round(number: int, segment: int = 0) -> Round:
    return Round(
        number=number, segment=segment, ahead=1e9, began=10.0 * number, ended=10.0 * number + 5, held=5.0,
        calm=freeze(()), struck=freeze(()), services={"app memory": ([1.0], [2.0], [0])}, harness={}, strikes=[],
        touched={}, examples={},
    )  # fmt: skip


def written(folder: Path, *rounds: Round) -> Path:
    book = Logbook(folder, MINE)
    for one in rounds:
        book.add(one)
    book.close()
    return book.path


def test_a_new_book_begins_with_nothing(tmp_path: Path) -> None:
    book = Logbook(tmp_path, MINE)
    assert (book.segment, book.last, list(book.rounds())) == (0, None, [])
    assert book.path.name == "tests-soak-test_it.py-test_it-a-b"
    book.close()


def test_rounds_are_read_as_they_were_written(tmp_path: Path) -> None:
    written(tmp_path, a_round(1), a_round(2))
    book = Logbook(tmp_path, MINE)
    assert book.segment == 1
    assert [one.number for one in book.rounds()] == [1, 2]
    assert book.last is not None and book.last.services == {"app memory": [[1.0], [2.0], [0]]}
    book.close()


def test_each_resumption_is_a_segment(tmp_path: Path) -> None:
    written(tmp_path, a_round(1), a_round(2, 1))
    book = Logbook(tmp_path, MINE)
    assert book.segment == 2
    book.close()


def test_one_that_was_killed_before_its_first_round_begins_anew(tmp_path: Path) -> None:
    written(tmp_path)
    book = Logbook(tmp_path, MINE)
    assert book.segment == 0
    book.close()


def test_half_a_file_is_none(tmp_path: Path) -> None:
    path = written(tmp_path, a_round(1))
    (path / "round-00002.json.new").write_bytes(b"half")
    book = Logbook(tmp_path, MINE)
    assert [one.number for one in book.rounds()] == [1]
    book.close()


def spoilt(name: str, data: bytes) -> Callable[[Path], object]:
    return lambda path: (path / name).write_bytes(data)


HEAD = {"format": 1, "over": False, "test": MINE.test, "seed": 7, "duration": 60.0}


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (spoilt("soak.json", b"no"), "was not written by a soak"),
        (spoilt("soak.json", b"[]"), "was not written by a soak"),
        (spoilt("soak.json", b'{"over": false, "format": 1, "x": 1}'), "was not written by a soak"),
        (spoilt("soak.json", json.dumps({**HEAD, "format": 2}).encode()), "has format 2, expected 1"),
        (spoilt("soak.json", json.dumps({**HEAD, "test": "other"}).encode()), "is the soak of other, not of"),
        (spoilt("soak.json", json.dumps({**HEAD, "seed": 8}).encode()), "has the seed 8, not 7: go on with it by"),
        (
            spoilt("soak.json", json.dumps({**HEAD, "duration": 90}).encode()),
            "takes 1.5 min, not 1 min: give --",
        ),
        (spoilt("soak.json", json.dumps({**HEAD, "over": True}).encode()), "this soak is over: remove it"),
        (lambda path: (path / "soak.json").unlink(), "has rounds and no soak.json"),
        (spoilt("round-00002.json.gz", b"spoilt"), "round-00002.json.gz is no round of a soak"),
        (spoilt("round-00002.json.gz", b""), "round-00002.json.gz is no round of a soak"),
    ],
)
def test_what_is_not_its_own_is_refused(tmp_path: Path, spoil: Callable[[Path], object], message: str) -> None:
    spoil(written(tmp_path, a_round(1), a_round(2)))
    with pytest.raises(UsageError, match=message):
        Logbook(tmp_path, MINE)


def test_a_round_that_is_missing_is_noticed(tmp_path: Path) -> None:
    (written(tmp_path, a_round(1), a_round(2)) / "round-00001.json.gz").unlink()
    book = Logbook(tmp_path, MINE)
    with pytest.raises(UsageError, match="round 1 is missing"):
        list(book.rounds())
    book.close()


def test_two_do_not_write_one_book(tmp_path: Path) -> None:
    book = Logbook(tmp_path, MINE)
    with pytest.raises(UsageError, match="is being written by another pytest"):
        Logbook(tmp_path, MINE)
    book.close()
    Logbook(tmp_path, MINE).close()


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        Logbook(tmp_path / "file", MINE)
