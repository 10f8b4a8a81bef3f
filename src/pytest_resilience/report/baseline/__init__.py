"""The baseline: what earlier runs came to, and whether this one is worse."""
