"""Blackjack, exactly: rules, strategies and counts as plain values, played by a compiled engine and by a slow, plain reference.

It reads a `Configuration`, a seed and a range of blocks, and writes nothing: the same three always give the same `Tally`, bit for bit.
Tallies hold integers only, so that they merge exactly in any order. It knows nothing of jobs, users, files or networks.
"""
