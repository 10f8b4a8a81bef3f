"""Hogs: processes of our own that take what the host has, up to a share, and give it back."""
