"""Soaks: hours of steady load and gentle faults, in rounds that are kept on disk."""
