"""`pytest-resilience init`, `doctor` and `alerts`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pytest_resilience.command.doctor import examine
from pytest_resilience.command.init import FOLDER, init
from pytest_resilience.errors import UsageError
from pytest_resilience.options import Options


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(prog="pytest-resilience", description="Resilience tests in pytest.")
    commands = parser.add_subparsers(dest="command", required=True)
    first = commands.add_parser("init", help=f"write a first scenario into {FOLDER}; overwrites nothing")
    first.add_argument("project", nargs="?", type=Path, default=Path(), help="the project's folder (default: this one)")
    commands.add_parser("doctor", help="say what this machine can do, and what would enable the rest")
    rules = commands.add_parser("alerts", help="write alert rules for Prometheus from what scenarios promised")
    rules.add_argument("--report", type=Path, required=True, help="the report.json of --resilience-report")
    rules.add_argument(
        "--metrics", type=Path, required=True, help="JSON: for each service its series, see docs/alerts.md"
    )
    given = parser.parse_args(argv)
    if given.command == "alerts":
        return _alerts(given.report, given.metrics)
    return _doctor() if given.command == "doctor" else _init(given.project)


def _alerts(report: Path, metrics: Path) -> int:
    """Write the rules to standard output, and what one has to know to standard error."""
    from pytest_resilience.command.alerts import alerts

    try:
        text, notes = alerts(report, metrics)
    except UsageError as error:
        _say(f"pytest-resilience alerts: {error}", error=True)
        return 2
    for note in notes:
        _say(f"note: {note}", error=True)
    _say(text.removesuffix("\n"))
    return 0


def _init(project: Path) -> int:
    if not project.is_dir():
        _say(f"pytest-resilience init: {project} is not a folder; give that of your project", error=True)
        return 2
    try:
        written, kept = init(project)
    except OSError as error:
        _say(f"pytest-resilience init: {error}", error=True)
        return 1
    for path in written:
        _say(f"written   {path}")
    for path in kept:
        _say(f"was there {path}, and is left as it is")
    _say(f"next: pytest {project / FOLDER}, and put your own command into {project / FOLDER / 'conftest.py'}")
    return 0


def _doctor() -> int:
    """Show each finding as it is made; 1 where no scenario with Redis or Postgres could run."""
    works = {}
    for finding in examine(Options()):
        _say(str(finding))
        works[finding.what] = finding.works
    embedded = works["Redis, embedded"] and works["Postgres, embedded"]
    containers = works["Docker"] and works["testcontainers"]
    if not (embedded or containers):
        _say('Neither backend is whole: pip install "pytest-resilience[embedded]", or start Docker', error=True)
        return 1
    return 0


def _say(line: str, *, error: bool = False) -> None:
    stream = sys.stderr if error else sys.stdout
    stream.write(f"{line}\n")
    stream.flush()


if __name__ == "__main__":
    raise SystemExit(main())
