"""Packets: a stretch of road that is real TCP over a cable of our own, where packets can be dropped."""
