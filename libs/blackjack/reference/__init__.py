"""The rules of the game once more, in plain Python, read from the rules alone: what the compiled engine is tested against, and hand histories.

It reads the same configurations, seeds and blocks as the engine and plays them slowly, one card after another, with objects that are called
what they are at a table. It promises the engine's `Tally` to the last integer, and writes nothing.
"""

from libs.blackjack.reference.play import HandRecord, RoundRecord, SeatRecord, history, play

__all__ = ["HandRecord", "RoundRecord", "SeatRecord", "history", "play"]
