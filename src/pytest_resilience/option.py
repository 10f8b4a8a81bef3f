"""The table of options: a row for each, from which its flag, its ini key and its help come."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Option:
    """One row of the table.

    The flag is `--resilience-NAME`, the ini key `resilience_NAME` (dashes become underscores); a
    flag wins over the ini file.
    """

    name: str
    default: str
    help: str
    choices: tuple[str, ...] = ()
    repeatable: bool = False

    @property
    def flag(self) -> str:
        """The command line flag."""
        return f"--resilience-{self.name}"

    @property
    def key(self) -> str:
        """The ini key."""
        return f"resilience_{self.name.replace('-', '_')}"


TABLE = (
    Option(
        "backend",
        "auto",
        "Where services run: `docker` (containers), `process` (embedded, no Docker), or `auto`: Docker when its daemon "
        "answers and the images are there or can be pulled, else embedded.",
        choices=("auto", "docker", "process"),
    ),
    Option("seed", "", "The seed of every random choice, an integer; printed in the header (default: a new one)."),
    Option(
        "size",
        "quick",
        "How long scenarios last: `quick` for CI, `standard` for nightly runs, `full` for the full figures.",
        choices=("quick", "standard", "full"),
    ),
    Option(
        "duration",
        "",
        "How long soaks last in all, as 90s, 10m or 24h; soaks are then run also without `-m soak` (default: 60s, 1h "
        "or 24h, by size).",
    ),
    Option(
        "soak-state",
        "",
        "A folder in which soaks keep what they have seen, so that one that was interrupted goes on when it is run "
        "again with the same seed and duration.",
    ),
    Option(
        "progress",
        "auto",
        "How a run of load shows that it is alive: `auto` (a line that is rewritten in place on a terminal, elsewhere "
        "a plain line every 10 s), `on` (the line, whatever the output is), or `off`.",
        choices=("auto", "on", "off"),
    ),
    Option("redis-image", "redis:7-alpine", "The image of Redis for the docker backend."),
    Option("postgres-image", "postgres:16-alpine", "The image of Postgres for the docker backend."),
    Option(
        "toxiproxy",
        "auto",
        "The server behind links: `embedded` (needs nothing), `server` (the toxiproxy-server on PATH), `docker` (its "
        "image), or the http://HOST:PORT of one that runs; `auto` is embedded.",
    ),
    Option("toxiproxy-image", "ghcr.io/shopify/toxiproxy:2.12.0", "The image for --resilience-toxiproxy=docker."),
    Option(
        "monkey",
        "",
        "Strike what ordinary tests use, at random: NAMES:PROBABILITY, as in redis,postgres,app:0.1. A name is redis, "
        "postgres, or that of a service or link; each test that uses it has it struck once with that probability.",
    ),
    Option(
        "report",
        "",
        "A folder for the report: index.html, one page that needs nothing else, report.json, summary.md, and a runbook "
        "for each failure mode. Where $GITHUB_STEP_SUMMARY is set, the summary is added to it.",
    ),
    Option(
        "baseline",
        "",
        "A JSON file with the figures of earlier runs, to be committed or kept from job to job: a scenario that is "
        "worse than these explain fails, one that is not in it is added.",
    ),
    Option(
        "baseline-update",
        "good",
        "What becomes of the file of --resilience-baseline: `good` adds the runs that are no worse, `all` accepts also "
        "what is worse and begins those figures anew, `none` only compares.",
        choices=("good", "all", "none"),
    ),
    Option(
        "allow-target",
        "",
        "A HOST that load and links may touch besides loopback; may be given more than once (ini: one a line).",
        repeatable=True,
    ),
    Option(
        "locust-workers",
        "0",
        "How many Locust workers run the users of a `Locustfile` that does not say; 0 for one process and no master.",
    ),
    Option(
        "locust-bind",
        "",
        "The address HOST or HOST:PORT of this machine at which remote Locust workers join, instead of workers started "
        "here; the header says what to run on their machines. PORT (5557 by default) is the one of Locust's master, "
        "the next one is ours; both are open to whoever reaches them.",
    ),
)
