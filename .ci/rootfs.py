"""The file system of an image made of this machine's own programs: files, and the libraries that they load."""

from __future__ import annotations

import hashlib
import io
import re
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

ELF = b"\x7fELF"


@dataclass(frozen=True)
class Entry:
    """One path of the image: a copy of `source`, a link to `link`, a file that holds `text`, else a directory."""

    source: Path | None = None
    link: str | None = None
    text: str | None = None
    mode: int = 0o755


class Rootfs:
    """What will stand in the image, by path.

    A program is worth nothing without its dynamic loader and libraries, so whatever was added is closed over
    with `ldd` at the end. Both sides therefore need the same architecture and a glibc.
    """

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}

    def directory(self, path: str, *, mode: int = 0o755) -> None:
        """Add an empty directory."""
        self.entries[path] = Entry(mode=mode)

    def text(self, path: str, text: str, *, mode: int = 0o644) -> None:
        """Add a file that holds `text`."""
        self.entries[path] = Entry(text=text, mode=mode)

    def link(self, path: str, target: str) -> None:
        """Add a symbolic link."""
        self.entries[path] = Entry(link=target)

    def file(self, path: str, source: Path) -> None:
        """Add a copy of a file, or of what a link leads to."""
        self.entries[path] = Entry(source=source.resolve())

    def programs(self, names: Iterable[str], *, at: str = "/usr/bin") -> None:
        """Add programs that are on PATH here."""
        for name in names:
            found = shutil.which(name)
            if found is None:
                raise SystemExit(f"images: {name} is not on PATH, and an image needs it")
            self.file(f"{at}/{name}", Path(found))

    def tree(self, path: str, source: Path, *, skip: Callable[[Path], bool]) -> None:
        """Add the files below `source`, but for the relative paths that `skip` says."""
        pending = [source]
        while pending:
            for item in sorted(pending.pop().iterdir()):
                relative = item.relative_to(source)
                if skip(relative):
                    continue
                if item.is_dir():
                    pending.append(item)
                elif item.is_file():
                    self.file(f"{path}/{relative}", item)

    def close_over(self) -> None:
        """Add every library that the added programs and libraries load from outside of what was added."""
        added = {entry.source for entry in self.entries.values()}
        binaries = [entry.source for entry in self.entries.values() if entry.source and _is_elf(entry.source)]
        for library in _libraries(binaries):
            if library.resolve() not in added:
                self.file(str(library), library)

    def fingerprint(self, *recipe: str) -> str:
        """Return a digest that changes when anything of the image would."""
        digest = hashlib.sha256("\0".join(recipe).encode())
        for path, entry in sorted(self.entries.items()):
            state = entry.source.stat() if entry.source else None
            seen = (state.st_size, state.st_mtime_ns) if state else ()
            digest.update(repr((path, entry, seen)).encode())
        return digest.hexdigest()[:16]

    def tar(self) -> bytes:
        """Return the file system as an archive in which root owns everything."""
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            for path, entry in sorted(self.entries.items()):
                _add(tar, path.lstrip("/"), entry)
        return archive.getvalue()


def _add(tar: tarfile.TarFile, name: str, entry: Entry) -> None:
    info = tarfile.TarInfo(name)
    info.mode = entry.mode
    if entry.source is not None:
        data = entry.source.read_bytes()
        state = entry.source.stat()
        # The time of a .py must stay what its .pyc has written down, or the first import compiles it again.
        info.size, info.mtime, info.mode = len(data), int(state.st_mtime), (state.st_mode & 0o777) | 0o444
        tar.addfile(info, io.BytesIO(data))
    elif entry.text is not None:
        data = entry.text.encode()
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))
    elif entry.link is not None:
        info.type, info.linkname = tarfile.SYMTYPE, entry.link
        tar.addfile(info)
    else:
        info.type = tarfile.DIRTYPE
        tar.addfile(info)


def _is_elf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == ELF


def _libraries(binaries: list[Path]) -> set[Path]:
    """Ask the dynamic loader; a static program says that it is none, which is no error here."""
    said = subprocess.run(["ldd", *map(str, binaries)], capture_output=True, text=True, check=False).stdout
    missing = sorted(set(re.findall(r"^\s*(\S+) => not found", said, re.MULTILINE)))
    if missing:
        raise SystemExit(f"images: the dynamic loader does not find {', '.join(missing)}")
    return {Path(path) for path in re.findall(r"(?:=>\s+|^\s+)(/\S+) \(0x", said, re.MULTILINE)}
