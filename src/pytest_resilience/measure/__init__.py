"""Measures: what load found out, and what that shows; knows nothing of how the load was made."""
