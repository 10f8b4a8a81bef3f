"""Journeys through the clinic, for Locust. By itself it runs them too: `locust -f tests/load/journeys.py -H URL`."""

from __future__ import annotations

import random
from argparse import ArgumentParser

from locust import FastHttpUser, events, task


@events.init_command_line_parser.add_listener
def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--think", type=float, default=1.0, help="seconds between two requests, in the mean")


class Patient(FastHttpUser):
    """Looks through a few pages of slots, books one that is free, and looks at it again."""

    pages = 1  # known after the first look

    def wait_time(self) -> float:
        think = self.environment.parsed_options.think
        return random.uniform(0.5 * think, 1.5 * think)

    @task
    def book(self) -> None:
        free: list[int] = []
        for _ in range(3):
            found = self.client.get(f"/slots?page={random.randrange(self.pages)}", name="/slots").json()
            self.pages = found["pages"]
            free += [slot["id"] for slot in found["slots"] if slot["free"]]
            self.wait()
        if not free:
            return
        slot = random.choice(free)
        booking = {"slot": slot, "patient": f"patient {random.randrange(10**6)}"}
        with self.client.post("/bookings", json=booking, catch_response=True) as answer:
            taken = answer.status_code == 409  # somebody was quicker, or the page was a second old
            if taken:
                answer.success()
        self.wait()
        with self.client.get(f"/slots/{slot}", name="/slots/{id}", catch_response=True) as answer:
            if answer.status_code == 200 and answer.json()["free"]:
                answer.failure(f"slot {slot} was booked and is free")
