"""Reading a player: a bankroll and three strategies, each a name or a whole profile."""

from __future__ import annotations

from dataclasses import replace

from libs.blackjack.defaults import ProfileType
from libs.blackjack.profiles.fields import DESCRIPTION, NAME, PARENT, Field, number, profile_or_name

__all__ = ["BANKROLL_MAX", "FIELDS", "STRATEGIES"]

BANKROLL_MAX = 1_000_000_000


STRATEGIES: dict[str, ProfileType] = {
    "playing_strategy": "playing_strategy",
    "betting_strategy": "betting_strategy",
    "counting_strategy": "counting_system",
}
"""The type of each of a player's parts."""

FIELDS: tuple[Field, ...] = (
    NAME,
    DESCRIPTION,
    replace(PARENT, synonyms=("profile",)),
    Field(
        "bankroll",
        "number",
        number(0, BANKROLL_MAX, "An amount of money", step="0.01", above=True),
        "The money a player starts with, and starts each session with.",
        default=1000.0,
        minimum=0.01,
        maximum=BANKROLL_MAX,
        synonyms=("initial_bankroll", "starting_bankroll"),
    ),
    Field(
        "playing_strategy", "profile", profile_or_name, "How hands are played.", default="basic", synonyms=("playing",)
    ),
    Field("betting_strategy", "profile", profile_or_name, "What is bet.", default="flat", synonyms=("betting",)),
    Field(
        "counting_strategy",
        "profile",
        profile_or_name,
        "How cards are counted.",
        default="hi_lo",
        synonyms=("counting_system", "counting"),
    ),
)
