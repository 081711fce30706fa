"""Profiles: what users write about casinos, players, strategies and counts, read, checked and completed.

It reads JSON with the profiles that it names and writes the values of `libs.blackjack.configuration` with notes on how it was understood.
It promises to find every mistake at once, with its place, and that what it accepts can be played.
"""
