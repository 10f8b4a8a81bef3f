"""The guise in which a program that refuses to be root is run by root.

Postgres ends at once when its effective user is root, and pytest often is root, in a container above all.
Two ways around it that need no account to be made, no file to be handed over, and no directory to be opened to others:

- a *user namespace* in which root is called uid 1000. Outside it is still root, so it reads and writes what root
  does. Docker's default seccomp profile forbids it.
- the user *nobody with the right to open any file*: `setpriv` changes the user and keeps the one capability
  CAP_DAC_OVERRIDE, which Docker grants by default. The data directory has to belong to nobody, which
  Postgres checks; the directories above it and the program's own may be closed.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pytest_resilience.errors import BackendUnavailable

NOBODY = 65534
NAMESPACE = ("unshare", "--user", "--map-user=1000", "--map-group=1000")
SETPRIV = (
    "setpriv",
    f"--reuid={NOBODY}",
    f"--regid={NOBODY}",
    "--clear-groups",
    "--inh-caps=+dac_override",
    "--ambient-caps=+dac_override",
)


@dataclass(frozen=True)
class Guise:
    """How to run a program so that it does not look like root to itself.

    :ivar name: for messages.
    :ivar prefix: what stands before the program's own command; it does not fork, so the process is the program.
    :ivar owner: the uid and gid that the program's own files must have; None for the ones they get anyhow.
    """

    name: str
    prefix: tuple[str, ...] = ()
    owner: int | None = None

    def wrap(self, command: Sequence[str]) -> tuple[str, ...]:
        """Return `command` in this guise."""
        return (*self.prefix, *command)


PLAIN = Guise("ordinary user")
NAMESPACED = Guise("user namespace", NAMESPACE)
AS_NOBODY = Guise("nobody", SETPRIV, NOBODY)


def find_guise(*, euid: int | None = None, works: Callable[[Guise], str | None] | None = None) -> Guise:
    """Return the guise that works on this machine.

    :param euid: the effective user, by default this process's.
    :param works: tells why a guise does not work, None when it does; by default tries it on `id -u`.
    :raises BackendUnavailable: this is root and there is no way not to look like it.
    """
    if (os.geteuid() if euid is None else euid) != 0:
        return PLAIN
    refusals = []
    for guise in (NAMESPACED, AS_NOBODY):
        refusal = (works or why_not)(guise)
        if refusal is None:
            return guise
        refusals.append(f"{guise.name}: {refusal}")
    raise BackendUnavailable(
        f"Postgres refuses to be root, and root cannot put on another guise here ({'; '.join(refusals)}): run pytest "
        "as an ordinary user, or install util-linux and allow user namespaces (sysctl user.max_user_namespaces; in "
        "Docker: --security-opt seccomp=unconfined) or the capabilities SETUID, SETGID and DAC_OVERRIDE"
    )


def why_not(guise: Guise) -> str | None:
    """Tell why `guise` cannot be put on here; None when it can."""
    try:
        tried = subprocess.run(
            guise.wrap(["id", "-u"]), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    if tried.returncode != 0:
        return tried.stderr.strip() or f"exit status {tried.returncode}"
    return None if tried.stdout.strip() not in {"", "0"} else "it is still root"
