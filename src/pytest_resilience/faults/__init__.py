"""Faults: what breaks, heals, and can be composed."""
