"""The embedded Toxiproxy: a program of its own that imports nothing of the package around it."""
