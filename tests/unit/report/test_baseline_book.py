"""The file of a baseline: the same for the same runs, and of what is no baseline nothing is taken."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from pytest_resilience.errors import UsageError
from pytest_resilience.measure.regression import KEPT, Figure
from pytest_resilience.report.baseline.book import Book, PastRun, read, write


def run(day: int = 1, **figures: float) -> PastRun:
    told = {name: Figure("latency", value, value / 2, None) for name, value in figures.items()}
    return PastRun(f"2025-01-{day:02}T00:00:00Z", "2 × a processor", day, told)


def full() -> Book:
    book = Book()
    book.add("test_b", "process, quick", run(1, p50=0.0123456, p99=0.5))
    book.add("test_a", "docker, full", run(2, p50=0.1))
    book.add("test_a", "docker, full", run(3, p50=0.2))
    return book


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    write(path, full())
    again = Book.from_text(read(path), "baseline.json")
    assert again.of("test_a", "docker, full") == [run(2, p50=0.1), run(3, p50=0.2)]
    assert again.of("test_b", "process, quick")[0].figures["p50"] == Figure("latency", 0.01235, 0.006173)
    assert again.to_text() == read(path)
    assert [one.name for one in tmp_path.iterdir()] == ["baseline.json"]


def test_it_is_sorted_with_a_line_for_each_run() -> None:
    lines = full().to_text().splitlines()
    assert lines[:3] == ["{", ' "schema": "pytest-resilience-baseline",', ' "version": 1,']
    assert [line.strip(' {":[,') for line in lines if '"test_' in line] == ["test_a", "test_b"]
    assert sum('"at"' in line for line in lines) == 3
    assert list(json.loads(full().to_text())["scenarios"]) == ["test_a", "test_b"]


def test_an_empty_book_can_be_written() -> None:
    assert Book.from_text(Book().to_text(), "x").runs == {}


def test_the_oldest_runs_are_forgotten() -> None:
    book = Book()
    for day in range(1, KEPT + 4):
        book.add("test_a", "process, quick", run(day, p50=0.1))
    assert [one.seed for one in book.of("test_a", "process, quick")] == list(range(4, KEPT + 4))


def test_figures_that_begin_anew_forget_what_was_and_leave_the_others() -> None:
    book = full()
    book.add("test_b", "process, quick", run(4, p50=0.3, p99=0.5), anew=frozenset({"p50"}))
    first, second = book.of("test_b", "process, quick")
    assert (set(first.figures), set(second.figures)) == ({"p99"}, {"p50", "p99"})
    book.add("test_b", "process, quick", run(5, p50=0.3), anew=frozenset({"p50", "p99"}))
    assert len(book.of("test_b", "process, quick")) == 1


def test_runs_of_other_conditions_are_apart_and_known() -> None:
    book = full()
    assert book.of("test_a", "process, quick") == []
    assert book.others("test_a", "process, quick") == ["docker, full"]
    assert (book.count("docker, full"), book.count("process, quick"), book.count("none")) == (1, 2, 0)


def test_what_is_infinite_is_not_written() -> None:
    assert json.loads(run(1, p50=math.inf, p99=1).to_json())["figures"].keys() == {"p99"}


def test_there_may_be_no_file_yet(tmp_path: Path) -> None:
    assert Book.from_text(read(tmp_path / "none"), "none").runs == {}


HEAD = '{"schema": "pytest-resilience-baseline", "version": 1, "scenarios": '
RUN = HEAD + '{"a": {"b": [{"at": "", "machine": "", "seed": 1, "figures": '


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is no JSON"),
        ("<<<<<<< HEAD", "is no JSON"),
        ("[]", "is no baseline"),
        ('{"schema": "pytest-resilience-report", "version": 1}', "is no baseline .* left as it is"),
        ('{"benchmarks": []}', "is no baseline"),
        ('{"schema": "pytest-resilience-baseline", "version": 2}', "has version 2, and 1 is read here: update"),
        ('{"schema": "pytest-resilience-baseline"}', "has version None"),
        ('{"schema": "pytest-resilience-baseline", "version": 1}', "has no 'scenarios'; restore it"),
        (HEAD + "[]}", "is damaged"),
        (HEAD + '{"a": {"b": [{}]}}}', "has no 'figures'"),
        (HEAD + '{"a": {"b": [{"at": "", "machine": "", "seed": 1, "figures": []}]}}}', "is damaged: figures"),
        (HEAD + '{"a": {"b": [{"at": "", "machine": "", "seed": "x", "figures": {}}]}}}', "is damaged: seed"),
        (f'{RUN}{{"p": ["x", 1, 1, 1]}}}}]}}}}}}', "is damaged"),
        (f'{RUN}{{"p": ["latency", "q", 1, 1]}}}}]}}}}}}', "is damaged"),
        (f'{RUN}{{"p": ["latency", NaN, 1, 1]}}}}]}}}}}}', "is damaged: .*finite"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_baseline_is_refused_by_name(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=rf"--resilience-baseline=b\.json: the file .*{said}"):
        Book.from_text(text, "b.json")


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "b.json"
    path.write_bytes(b"\xff\xfe\x00")
    for one in (path, tmp_path):
        with pytest.raises(UsageError, match="cannot be read"):
            read(one)


def test_a_file_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "b.json").mkdir()
    with pytest.raises(IsADirectoryError):
        write(tmp_path / "b.json", full())
    assert [one.name for one in tmp_path.iterdir()] == ["b.json"]
