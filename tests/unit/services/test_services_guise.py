"""How a program that refuses to be root is run by root."""

from __future__ import annotations

import os
import subprocess

import pytest

from pytest_resilience.errors import BackendUnavailable
from pytest_resilience.services.guise import AS_NOBODY, PLAIN, Guise, find_guise, namespaced, why_not


def test_an_ordinary_user_needs_no_guise() -> None:
    assert find_guise(euid=1000, named=lambda _: True) is PLAIN
    assert PLAIN.wrap(["postgres", "-D", "data"]) == ("postgres", "-D", "data")


def test_root_takes_a_user_namespace_where_there_is_one() -> None:
    assert find_guise(euid=0, works=lambda _: None) == namespaced()


def test_root_becomes_nobody_where_user_namespaces_are_forbidden() -> None:
    assert find_guise(euid=0, works=lambda guise: "EPERM" if guise == namespaced() else None) is AS_NOBODY


def test_without_any_guise_it_is_said_why_and_what_helps() -> None:
    with pytest.raises(BackendUnavailable, match=r"user namespace: EPERM; nobody: EPERM.*seccomp=unconfined"):
        find_guise(euid=0, works=lambda _: "EPERM")


def test_a_user_without_a_name_goes_by_the_number_of_one_that_has_one() -> None:
    guise = find_guise(euid=4321, works=lambda _: None, named=lambda uid: uid == 1)
    assert guise.prefix == ("unshare", "--user", "--map-user=1", "--map-group=1")
    with pytest.raises(BackendUnavailable, match=r"uid 4321 is.*\(user namespace: EPERM\): give it a line"):
        find_guise(euid=4321, works=lambda _: "EPERM", named=lambda _: False)


@pytest.mark.parametrize(
    ("prefix", "reason"),
    [(("no-such-program",), "no-such-program"), (("false",), "exit status 1"), (("env",), "still root")],
)
def test_a_guise_that_does_not_work_says_why(prefix: tuple[str, ...], reason: str) -> None:
    if prefix == ("env",) and os.geteuid() != 0:
        pytest.skip("needs root: for another user nothing is the same user")
    assert reason in str(why_not(Guise("broken", prefix)))


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, who alone has to look like somebody else")
@pytest.mark.parametrize("guise", [namespaced(), AS_NOBODY], ids=lambda guise: guise.name)
def test_in_its_guise_a_program_is_not_root_and_opens_what_root_may_open(guise: Guise, tmp_path) -> None:
    if why_not(guise):
        pytest.skip(str(why_not(guise)))
    secret = tmp_path / "secret"
    secret.write_text("for root alone")
    secret.chmod(0o600)
    tmp_path.chmod(0o700)
    said = subprocess.run(guise.wrap(["sh", "-c", f"id -u; cat {secret}"]), capture_output=True, text=True, check=True)
    uid, text = said.stdout.split("\n", 1)
    assert int(uid) != 0
    assert text == "for root alone"
