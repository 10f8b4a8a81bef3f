"""The driver: a process of its own that sends the load and reports what became of it.

It is started as `python -m pytest_resilience.load.driver FD`, where FD is one end of a socket pair.
Over it come a job and the moment to begin; back go batches of samples. See `wire` for the frames
and `session` for the order in which they come.
"""
