"""Workflows of one's own, and requests for simulations, to copy from.

Each module reads nothing but its job, writes only through its `JobContext`, and promises to run unchanged: the tests run it.
"""
