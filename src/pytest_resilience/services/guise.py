"""The guise in which a program that refuses to be root, or to have no name, is run by such a user.

Postgres ends at once when its effective user is root, and pytest often is root, in a container above all. Its initdb
ends where the user has no name, such as one that `docker run --user=4321` makes up. Two ways around it that need no
account to be made, no file to be handed over, and no directory to be opened to others:

- a *user namespace* in which this user goes by the number of another that has a name. Outside it is still the same,
  so it reads and writes what it did before. Docker's default seccomp profile forbids it.
- the user *nobody with the right to open any file*: `setpriv` changes the user and keeps the one capability
  CAP_DAC_OVERRIDE, which Docker grants by default. The data directory has to belong to nobody, which
  Postgres checks; the directories above it and the program's own may be closed.
"""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pytest_resilience.errors import BackendUnavailable

NOBODY = 65534
# Whoever is one of these on this machine lends its number; nothing is done in its name.
LENDERS = (1000, NOBODY, 1, 2)
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
    """How to run a program so that it takes itself for another user.

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
AS_NOBODY = Guise("nobody", SETPRIV, NOBODY)


def namespaced(*, named: Callable[[int], bool] | None = None) -> Guise:
    """Return the guise of a user namespace.

    :param named: tells whether a user has a name; by default asks this machine.
    """
    number = next(filter(named or has_name, LENDERS), LENDERS[0])
    return Guise("user namespace", ("unshare", "--user", f"--map-user={number}", f"--map-group={number}"))


def has_name(uid: int) -> bool:
    """Tell whether a user has a name on this machine."""
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def find_guise(
    *,
    euid: int | None = None,
    works: Callable[[Guise], str | None] | None = None,
    named: Callable[[int], bool] | None = None,
) -> Guise:
    """Return the guise that works on this machine.

    :param euid: the effective user, by default this process's.
    :param works: tells why a guise does not work, None when it does; by default tries it on `id -u`.
    :param named: tells whether a user has a name; by default asks this machine.
    :raises BackendUnavailable: this is root, or a user without a name, and there is no way not to look like it.
    """
    user = os.geteuid() if euid is None else euid
    if user != 0 and (named or has_name)(user):
        return PLAIN
    refusals = []
    for guise in (namespaced(named=named), *([AS_NOBODY] if user == 0 else [])):
        refusal = (works or why_not)(guise)
        if refusal is None:
            return guise
        refusals.append(f"{guise.name}: {refusal}")
    if user != 0:
        raise BackendUnavailable(
            f"Postgres cannot be set up by a user without a name, as uid {user} is, and this one cannot put on another "
            f"guise here ({'; '.join(refusals)}): give it a line in /etc/passwd, run pytest as a user that has one, or "
            "allow user namespaces (in Docker: --security-opt seccomp=unconfined)"
        )
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
