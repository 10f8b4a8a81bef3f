"""Load: requests and calls, driven beside the test from processes of their own."""
