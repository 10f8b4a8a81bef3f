"""Spare data directories: used ones, cleaned and kept beside their template for the next server.

To make a thousand files takes 40 ms, and half a second where as many have just been removed (ext4 does not reuse
an inode for half a minute, and searches past all of these for each file). A spare is moved, not made, and what a test
changed in it is brought back by `mirror`, which compares all of it with the template anyhow.
"""

from __future__ import annotations

import secrets
from pathlib import Path

KEPT = 8  # 25 MB each


class Spares:
    """The spares of one template; safe to share between processes, as each move happens wholly or not at all."""

    def __init__(self, template: Path) -> None:
        self._shelf = template.with_name(f"{template.name}.spares")

    def take(self, place: Path) -> bool:
        """Move a spare to `place`, a directory that is missing or empty; tell whether there was one to be had."""
        for spare in self._all():
            try:
                spare.rename(place)
            except FileNotFoundError:
                continue  # another process was faster
            except OSError:
                return False  # the cache is on another file system
            return True
        return False

    def keep(self, directory: Path) -> bool:
        """Move `directory` to the spares, unless there are enough; tell whether it was moved."""
        if len(self._all()) >= KEPT:
            return False
        self._shelf.mkdir(mode=0o700, exist_ok=True)
        try:
            directory.rename(self._shelf / secrets.token_hex(8))
        except OSError:
            return False  # the cache is on another file system
        return True

    def _all(self) -> list[Path]:
        return sorted(self._shelf.iterdir()) if self._shelf.is_dir() else []

    def __repr__(self) -> str:
        return f"<Spares {self._shelf}: {len(self._all())}>"
