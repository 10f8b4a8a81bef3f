"""Tests of slots and bookings."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx
import psycopg


def test_a_page_of_slots_comes_from_the_database_and_then_from_the_cache(clinic: httpx.Client) -> None:
    first, second = clinic.get("/slots?page=3"), clinic.get("/slots?page=3")
    assert [first.headers["X-Source"], second.headers["X-Source"]] == ["database", "cache"]
    assert first.json() == second.json()
    assert [slot["id"] for slot in first.json()["slots"]] == list(range(61, 81))
    assert first.json()["pages"] == 50


def test_a_booking_shows_in_the_slot_and_in_the_cached_page(clinic: httpx.Client) -> None:
    assert clinic.get("/slots").json()["slots"][6]["free"]
    made = clinic.post("/bookings", json={"slot": 7, "patient": "Ada"})
    assert made.status_code == 201
    assert clinic.get(f"/bookings/{made.json()['id']}").json() == made.json()
    assert not clinic.get("/slots/7").json()["free"]
    assert not clinic.get("/slots").json()["slots"][6]["free"]


def test_a_taken_slot_is_refused(clinic: httpx.Client) -> None:
    assert clinic.post("/bookings", json={"slot": 1, "patient": "Ada"}).status_code == 201
    again = clinic.post("/bookings", json={"slot": 1, "patient": "Ben"})
    assert (again.status_code, again.json()) == (409, {"error": "slot_taken", "slot": 1})


def test_of_fifty_bookings_of_one_slot_at_once_one_is_made(clinic: httpx.Client, postgres_server) -> None:
    def book(number: int) -> int:
        return clinic.post("/bookings", json={"slot": 5, "patient": f"patient {number}"}).status_code

    with ThreadPoolExecutor(50) as threads:
        statuses = sorted(threads.map(book, range(50)))
    assert statuses == [201] + [409] * 49
    with psycopg.connect(postgres_server.url) as connection:
        assert connection.execute("SELECT count(*) FROM bookings").fetchone() == (1,)


def test_a_key_makes_one_booking_however_often_it_is_sent(clinic: httpx.Client) -> None:
    def book(_: int) -> httpx.Response:
        return clinic.post("/bookings", json={"slot": 9, "patient": "Ada"}, headers={"Idempotency-Key": "k-1"})

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(book, range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1


def test_a_key_used_for_another_booking_is_refused(clinic: httpx.Client) -> None:
    headers = {"Idempotency-Key": "k-2"}
    clinic.post("/bookings", json={"slot": 10, "patient": "Ada"}, headers=headers)
    other = clinic.post("/bookings", json={"slot": 11, "patient": "Ada"}, headers=headers)
    assert (other.status_code, other.json()["error"]) == (422, "idempotency_key_reused")


def test_what_makes_no_sense_is_refused_with_its_name(clinic: httpx.Client) -> None:
    def refusal(**request: object) -> tuple[int, str]:
        answer = clinic.post("/bookings", **request)
        return answer.status_code, answer.json().get("field") or answer.json()["error"]

    assert refusal(content=b"{") == (400, "invalid_json")
    assert refusal(content=b"\xff") == (400, "invalid_json")
    assert refusal(json=[1]) == (400, "invalid_json")
    assert refusal(json={"slot": "7", "patient": "Ada"}) == (400, "slot")
    assert refusal(json={"slot": True, "patient": "Ada"}) == (400, "slot")
    assert refusal(json={"slot": 7, "patient": ""}) == (400, "patient")
    assert refusal(json={"slot": 7, "patient": "a\0b"}) == (400, "patient")
    assert refusal(json={"slot": 5000, "patient": "Ada"}) == (404, "no_such_slot")
    assert refusal(json={"slot": 7, "patient": "Ada", "x": "y" * 70_000}) == (413, "body_too_large")
    assert clinic.get("/slots?page=50").status_code == 404
    assert clinic.get("/slots/0").status_code == 404
    assert clinic.get("/slots/x").status_code == 400
    assert clinic.get("/bookings/99999999999999999999").status_code == 404
    assert clinic.get("/nowhere").json()["error"] == "not_found"
    assert clinic.delete("/slots").json()["error"] == "method_not_allowed"
