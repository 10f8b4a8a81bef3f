"""The command `pytest-resilience`: a first scenario, and what this machine can do."""
