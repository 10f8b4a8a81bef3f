"""Alerts: the rules of Prometheus by which production is held to the objectives of the tests."""
