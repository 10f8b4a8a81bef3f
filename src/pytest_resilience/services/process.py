"""The embedded backend: a unit is a family of processes on this host, led by one in a session of its own."""

from __future__ import annotations

import os
import platform
import tempfile
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from pytest_resilience.errors import Unsupported, UsageError
from pytest_resilience.janitor import Janitor, KillGroup
from pytest_resilience.services.backend import Spec, Volume, word
from pytest_resilience.services.guise import Guise, find_guise
from pytest_resilience.services.process_unit import Process
from pytest_resilience.services.volume import EnclosedTmpfs, Tmpfs


class ProcessBackend:
    """Runs units as processes of this host.

    :param janitor: ends what we leave behind; its directory holds the logs and data.
    """

    name = "process"

    def __init__(self, janitor: Janitor) -> None:
        self.janitor = janitor
        self._units: dict[str, Process] = {}

    def describe(self) -> str:
        """Return `processes on Linux 6.1.0`."""
        return f"processes on {platform.system()} {platform.release()}"

    @cached_property
    def guise(self) -> Guise:
        """How programs that refuse to be root are run; tried out once.

        :raises BackendUnavailable: this is root and there is no way not to look like it.
        """
        return find_guise()

    def unit(self, spec: Spec) -> Process:
        """Return a unit that has not been started.

        :raises UsageError: the spec has no command, or a unit of this name is running.
        """
        if not spec.command:
            raise UsageError(
                f"{spec.name}: the process backend needs a command; an image runs on the docker backend only"
            )
        before = self._units.get(spec.name)
        if before is not None and before.running:
            raise UsageError(f"{spec.name}: a service of this name is running; name this one otherwise")
        guise = self.guise if spec.as_user else Guise("as it is")
        handle, log = tempfile.mkstemp(prefix=f"{word(spec.name)}-", suffix=".log", dir=self.janitor.directory)
        os.close(handle)
        unit = Process(spec, self.janitor, guise, Path(log))
        self._units[spec.name] = unit
        return unit

    def run(self, command: tuple[str, ...], output: Path) -> int:
        """Run a command to its end, with what it says appended to `output`; return its exit status."""
        child = self.janitor.launch(command, env={**os.environ, "LC_ALL": "C"}, output=output)
        try:
            return child.process.wait()
        finally:
            KillGroup(child.pid, child.started).undo()
            child.process.wait()
            child.promise.kept()

    def place(self, name: str) -> Path:
        """Return a new empty directory for the data of a unit, removed with the janitor's own."""
        return Path(tempfile.mkdtemp(prefix=f"{word(name)}-", dir=self.janitor.directory))

    def volume(self, name: str, size: int) -> Volume:
        """Return a new empty volume, a file system in memory.

        :raises Unsupported: this user may not mount one, in no way.
        """
        if os.geteuid() == 0:
            with suppress(Unsupported):  # in a container, whose root may less; the other one says what all of them need
                return Tmpfs(self.janitor, word(name), size)
        return EnclosedTmpfs(self.janitor, word(name), size)

    def __repr__(self) -> str:
        running = sum(unit.running for unit in self._units.values())
        return f"<ProcessBackend: {running} running, {self.describe()}>"
