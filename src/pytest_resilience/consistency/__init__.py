"""Consistency: what clients were told, held against each other and against what the stores hold."""
