"""Journeys for the tests of Locust files: users who read from the counting server."""

from __future__ import annotations

from locust import FastHttpUser, HttpUser, between, constant, events, task

from pytest_resilience.load.driver.locust_users import OpenUser


class Reader(FastHttpUser):
    wait_time = constant(0.02)

    @task
    def read(self) -> None:
        self.client.get("/ok")


class PlainReader(HttpUser):
    wait_time = constant(0.02)

    @task
    def read(self) -> None:
        self.client.get("/ok")


class Visitor(OpenUser, FastHttpUser):
    @task
    def visit(self) -> None:
        self.client.get("/ok")
        self.client.get("/second")


class Unlucky(FastHttpUser):
    """Meets every kind of failure, one after the other."""

    wait_time = between(0.01, 0.02)

    @task
    def meet_them(self) -> None:
        self.client.get("/status/503")
        self.client.get("/cut")
        self.client.get("http://127.0.0.1:9/nobody", name="/nobody")
        with self.client.get("/ok", catch_response=True) as response:
            response.failure("the slots are missing")
        raise KeyError("slot")


class PlainUnlucky(HttpUser):
    wait_time = between(0.01, 0.02)

    @task
    def meet_them(self) -> None:
        self.client.get("/status/503")
        self.client.get("/cut")
        self.client.get("http://127.0.0.1:9/nobody", name="/nobody")
        self.client.get("/slow", timeout=0.05)


class Greedy(FastHttpUser):
    """Asks again at once."""

    @task
    def read(self) -> None:
        self.client.get("/ok")


class Patient(FastHttpUser):
    @task
    def wait_for_it(self) -> None:
        self.client.get("/slow")


class Stuck(FastHttpUser):
    @task
    def wait_for_ever(self) -> None:
        self.client.get("/hang")


class Busy(FastHttpUser):
    """Computes more than it asks."""

    @task
    def compute(self) -> None:
        self.client.get("/ok")
        sum(range(3_000_000))


@events.quitting.add_listener
def say_goodbye(environment, **_):  # type: ignore[no-untyped-def]
    """A teardown as many Locust files have one."""
    print(f"goodbye from {type(environment.runner).__name__}")
