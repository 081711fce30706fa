"""Simulation jobs: what may be asked for, and what becomes of the engine's tallies.

It reads a user's request with the profiles it names and the engine's integers, and writes orders, results and reports as plain values.
It promises that an order holds everything that decides a result, and that equal orders give equal digests. It does no I/O.
"""
