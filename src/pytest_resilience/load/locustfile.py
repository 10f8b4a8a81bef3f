"""A Locust file: journeys that Locust's own processes make, unchanged, under the load of a test."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pytest_resilience.errors import UsageError

TAKEN = (
    "-f", "--locustfile", "-u", "--users", "-r", "--spawn-rate", "-t", "--run-time", "-H", "--host", "--headless",
    "--headful", "--autostart", "--processes", "--master", "--worker", "--stop-timeout", "-s", "--expect-workers",
)  # fmt: skip


@dataclass(frozen=True, init=False, repr=False)
class Locustfile:
    """Journeys written for Locust, to be given to `load`.

    ::

        with load(Locustfile("journeys.py", user="Booker", host=app.url), users=ramp(0, 100, over=30)) as run:
            run.hold(60)
        assert SLO(p95=0.5).met_by(run.samples.named("GET /slots"))

    The file is imported by Locust's processes and never by the test's.

    :ivar path: the file.
    :ivar users: names of the user classes to run; empty for all that the file has.
    :ivar host: the base URL of their requests; None for what the classes say.
    :ivar workers: how many worker processes run the users; 0 for one process without a master; None for what
        `--resilience-locust-workers` says.
    :ivar arguments: more of Locust's command line, such as ("--tags", "checkout") or options that the file adds.
    """

    path: Path
    users: tuple[str, ...]
    host: str | None
    workers: int | None
    arguments: tuple[str, ...]

    def __init__(
        self,
        path: str | Path,
        *,
        user: str | tuple[str, ...] = (),
        host: str | None = None,
        workers: int | None = None,
        arguments: tuple[str, ...] = (),
    ) -> None:
        """Name the file.

        :param path: relative paths are from the working directory, as everywhere in pytest.
        :param user: the name of a user class, or several; all of the file if left out.
        :raises UsageError: there is no such file, or an argument cannot be meant.
        """
        found = Path(path).absolute()
        if found.suffix != ".py" or not found.is_file():
            raise UsageError(
                f"Locustfile({str(path)!r}): there is no Python file {found}; give the path of your Locust file"
            )
        names = (user,) if isinstance(user, str) else tuple(user)
        for name in names:
            if not isinstance(name, str) or not name.isidentifier():
                raise UsageError(f"Locustfile(user={name!r}): expected the name of a user class of {found.name}")
        if host is not None and not host.lower().startswith(("http://", "https://")):
            raise UsageError(f"Locustfile(host={host!r}): expected a base URL such as http://127.0.0.1:8000")
        if workers is not None and (not isinstance(workers, int) or isinstance(workers, bool) or workers < 0):
            raise UsageError(
                f"Locustfile(workers={workers!r}): expected a whole number, 0 for a process without workers"
            )
        for argument in arguments:
            if argument.partition("=")[0] in TAKEN:
                raise UsageError(f"Locustfile(arguments={arguments!r}): {argument} is for load() to say; leave it out")
        self.__dict__.update(path=found, users=names, host=host, workers=workers, arguments=tuple(arguments))

    @property
    def label(self) -> str:
        """What the run is called."""
        return " ".join((self.path.name, *self.users))

    def __repr__(self) -> str:
        return f"<Locustfile {self.label}>"
