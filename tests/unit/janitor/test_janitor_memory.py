"""The undoing of shared memory: the segment of a killed Postgres goes, and nobody else's."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

from pytest_resilience.errors import UsageError
from pytest_resilience.janitor import RemoveSharedMemory
from pytest_resilience.janitor.memory import segments

MAKE = "import ctypes, sys; print(ctypes.CDLL(None).shmget(int(sys.argv[1]), 56, 0o3600), flush=True)"

HOLD = """
import ctypes, sys
library = ctypes.CDLL(None)
library.shmat.restype = ctypes.c_void_p
print(library.shmat(int(sys.argv[1]), None, 0), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def segment():
    """Make a segment by a process that ends at once; one that is left is removed."""
    made = []

    def make(key):
        said = subprocess.run([sys.executable, "-c", MAKE, str(key)], stdout=subprocess.PIPE, check=True).stdout
        made.append(int(said))
        return made[-1]

    yield make
    for number in made:
        ctypes.CDLL(None).shmctl(number, 0, None)


def there(number):
    return number in [one.number for one in segments()]


def key_of(directory):
    return directory.stat().st_ino & 0xFFFFFFFF


def wrote_down(directory, key, number):
    (directory / "postmaster.pid").write_text(f"1\n{directory}\n1\n5432\n\n127.0.0.1\n{key:9} {number:9}\nready\n")


def test_the_segment_that_a_dead_server_wrote_down_is_removed(segment, tmp_path):
    number = segment(0x51A7)
    wrote_down(tmp_path, 0x51A7, number)
    assert there(number)
    RemoveSharedMemory(tmp_path).undo()
    assert not there(number)
    RemoveSharedMemory(tmp_path).undo()


def test_the_segment_of_a_server_that_died_before_it_wrote_it_down_is_removed(segment, tmp_path):
    number = segment(key_of(tmp_path))
    RemoveSharedMemory(tmp_path).undo()
    assert not there(number)


def test_a_segment_that_only_has_the_number_or_only_the_key_is_a_strangers(segment, tmp_path):
    number = segment(0x51A8)
    wrote_down(tmp_path, 0x51A9, number)
    RemoveSharedMemory(tmp_path).undo()
    wrote_down(tmp_path, 0x51A8, number + 1)
    RemoveSharedMemory(tmp_path).undo()
    assert there(number)


def test_a_segment_under_the_key_of_the_directory_that_is_in_use_is_a_strangers(segment, tmp_path):
    number = segment(key_of(tmp_path))
    user = subprocess.Popen([sys.executable, "-c", HOLD, str(number)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert int(user.stdout.readline()) > 0
        RemoveSharedMemory(tmp_path).undo()
        assert there(number)
    finally:
        user.communicate()


@pytest.mark.parametrize("lock", ["", "1\n2\n3\n4\n5\n6\n", "1\n2\n3\n4\n5\n6\nx y\n", "1\n2\n3\n4\n5\n6\n7\n"])
def test_a_lock_that_is_not_whole_says_nothing(lock, segment, tmp_path):
    number = segment(7)
    (tmp_path / "postmaster.pid").write_text(lock)
    RemoveSharedMemory(tmp_path).undo()
    assert there(number)


def test_a_directory_that_is_gone_has_no_segment(tmp_path):
    RemoveSharedMemory(tmp_path / "gone").undo()


def test_a_relative_path_is_a_mistake(tmp_path):
    with pytest.raises(UsageError, match="absolute"):
        RemoveSharedMemory(tmp_path.relative_to("/"))
