"""The end of a log, as it is shown."""

from __future__ import annotations

from pytest_resilience.tail import last_lines


def test_logs_are_cut_from_the_front_and_say_so() -> None:
    assert last_lines("a\nb\nc", lines=2) == "(1 earlier lines)\nb\nc"
    assert last_lines("a\nb", lines=2) == "a\nb"


def test_requests_that_went_well_do_not_push_out_what_went_wrong() -> None:
    wrong = "Traceback:\nConnectionError: refused"
    served = [
        f'127.0.0.1:{4000 + n} - [21/Nov/2026 16:01:{n:02}.{n}] "GET /slots/{n} HTTP/1.1" 200 -' for n in range(50)
    ]
    failed = [line.replace(" 200 ", " 500 ") for line in served[:3]]
    log = "\n".join(["first", *served, wrong, *failed, *served])
    assert last_lines(log, lines=6) == "\n".join(
        [
            "(51 earlier lines)",
            wrong,
            "(2 lines like the next)",
            failed[-1],
            "(49 lines like the next)",
            served[-1],
        ]
    )


def test_two_lines_that_are_alike_are_shown_both() -> None:
    assert last_lines("a 1:2\na 1:3", lines=2) == "a 1:2\na 1:3"
    assert last_lines("a 1:2\na 1:3", lines=1) == "(1 earlier lines)\na 1:3"
    assert last_lines("", lines=2) == ""


def test_what_was_asked_again_and_again_by_processes_of_their_own_is_one_line() -> None:
    asked = [f"21:04:05.{n} UTC [{100 + n}] FATAL:  the database system is starting up" for n in range(9)]
    assert last_lines("\n".join(asked), lines=3) == "(8 lines like the next)\n" + asked[-1]
    statuses = [f"served [{code}] to /slots" for code in ("ok", "bad", "ok")]
    assert last_lines("\n".join(statuses), lines=3) == "\n".join(statuses)
