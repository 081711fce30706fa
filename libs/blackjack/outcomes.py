"""How a hand can end, as one small number: a tally counts the final hands of a player by it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

__all__ = ["CODES", "ENDINGS", "Ending", "Outcome", "code", "describe", "named_counts"]

Ending = Literal[
    "win",  # the higher total
    "dealer_bust",  # won, because the dealer went over 21
    "natural",  # a natural that was paid
    "push",  # equal totals
    "natural_push",  # both have blackjack
    "loss",  # the lower total
    "bust",
    "dealer_blackjack",  # lost to a blackjack, whatever the hand was (also one surrendered too late for a dealer without hole card)
    "surrender",  # half the bet is lost
]
ENDINGS: tuple[Ending, ...] = Ending.__args__  # type: ignore[attr-defined]

CODES = 4 * len(ENDINGS)
"""Codes are 0 to `CODES` - 1."""


class Outcome(NamedTuple):
    ending: Ending
    doubled: bool
    split: bool
    """Whether the hand came from a split."""


def code(ending: Ending, *, doubled: bool = False, split: bool = False) -> int:
    return 4 * ENDINGS.index(ending) + 2 * doubled + split


def describe(number: int) -> Outcome:
    """What `code` was given. Raises `IndexError` for what is no code."""
    if not 0 <= number < CODES:
        raise IndexError(number)
    return Outcome(ENDINGS[number // 4], bool(number & 2), bool(number & 1))


def named_counts(outcomes: Sequence[int]) -> dict[str, int]:
    """The counts that people ask for. Hands are final hands: a split makes two of one."""

    def count(*endings: Ending, doubled: bool | None = None, split: bool | None = None) -> int:
        return sum(
            outcomes[number]
            for number in range(CODES)
            if (outcome := describe(number)).ending in endings
            and doubled in (None, outcome.doubled)
            and split in (None, outcome.split)
        )

    won: tuple[Ending, ...] = ("win", "dealer_bust", "natural")
    pushed: tuple[Ending, ...] = ("push", "natural_push")
    lost: tuple[Ending, ...] = ("loss", "bust", "dealer_blackjack")
    return {
        "hands": sum(outcomes),
        "wins": count(*won),
        "pushes": count(*pushed),
        "losses": count(*lost),
        "surrenders": count("surrender"),
        "naturals": count("natural", "natural_push"),
        "busts": count("bust"),
        "dealer_busts": count("dealer_bust"),
        "dealer_blackjacks": count("dealer_blackjack"),
        "doubles": count(*ENDINGS, doubled=True),
        "doubles_won": count(*won, doubled=True),
        "doubles_pushed": count(*pushed, doubled=True),
        "doubles_lost": count(*lost, doubled=True),
        "split_hands": count(*ENDINGS, split=True),
        "split_hands_won": count(*won, split=True),
        "split_hands_pushed": count(*pushed, split=True),
        "split_hands_lost": count(*lost, split=True),
    }
