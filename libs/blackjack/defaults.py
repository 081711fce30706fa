"""The profiles that everybody has: read-only, by type and name, as a user could have written them."""

from __future__ import annotations

from typing import Any, Literal

__all__ = ["DEFAULTS", "ProfileType"]

ProfileType = Literal["casino", "player", "playing_strategy", "betting_strategy", "counting_system"]


def _casino(description: str, deck_count: int | str, **rules: Any) -> dict[str, Any]:
    return {"description": description, "deck_count": deck_count, **rules}


def _counting(description: str, values: str, **more: Any) -> dict[str, Any]:
    """Values of 2 to 10 and the ace, in this order."""
    ranks = ("2", "3", "4", "5", "6", "7", "8", "9", "10", "A")
    counts = dict(zip(ranks, map(float, values.split()), strict=True))
    return {"description": description, "count_values": counts, **more}


DEFAULTS: dict[ProfileType, dict[str, dict[str, Any]]] = {
    "casino": {
        "six_deck_s17": _casino("Six decks, the dealer stands on soft 17, doubling after splits.", 6),
        "six_deck_h17": _casino("Six decks, the dealer hits soft 17, doubling after splits.", 6, hit_on_soft_17=True),
        "double_deck_h17": _casino(
            "Two decks, the dealer hits soft 17, doubling after splits.",
            2,
            hit_on_soft_17=True,
            reshuffle_penetration=0.65,
        ),
        "single_deck_s17": _casino(
            "One deck, the dealer stands on soft 17, no doubling after splits.",
            1,
            DAS=False,
            reshuffle_penetration=0.5,
        ),
        "infinite_s17": _casino(
            "Every card from a full deck, the dealer stands on soft 17, doubling after splits.", "infinite"
        ),
    },
    "playing_strategy": {
        "basic": {
            "description": "Total-dependent basic strategy; the right tables for the casino's rules are chosen.",
            "base": "basic",
        },
        "basic_i18": {
            "description": "Basic strategy with the index plays that matter most, insurance included; for counts like hi_lo.",
            "base": "basic",
            "index_set": "illustrious_18",
        },
    },
    "betting_strategy": {
        "flat": {
            "description": "The same bet at every count.",
            "min_bet": 1,
            "bet_unit": "units",
            "bet_ramp": {"-Infinity": 1},
        },
        "spread_1_12": {
            "description": "One unit up to a count of 0, twelve from 5 upwards.",
            "min_bet": 1,
            "bet_unit": "units",
            "bet_ramp": {"-Infinity": 1, "1": 2, "2": 4, "3": 8, "4": 10, "5": 12},
            "bet_spread": 12,
        },
    },
    "counting_system": {
        "hi_lo": _counting("Balanced, level 1.", "1 1 1 1 1 0 0 0 -1 -1"),
        "none": _counting("Nothing is counted.", "0 0 0 0 0 0 0 0 0 0"),
        "ko": _counting(
            "Unbalanced, level 1: a running count from 4 less 4 for each deck.",
            "1 1 1 1 1 1 0 0 -1 -1",
            decision_count_type="running",
            initial_running_count=4,
            initial_running_count_per_deck=-4,
        ),
        "hi_opt_1": _counting("Balanced, level 1, aces apart.", "0 1 1 1 1 0 0 0 -1 0"),
        "hi_opt_2": _counting("Balanced, level 2, aces apart.", "1 1 2 2 1 1 0 0 -2 0"),
        "omega_2": _counting("Balanced, level 2, aces apart.", "1 1 2 2 2 1 0 -1 -2 0"),
        "zen": _counting("Balanced, level 2.", "1 1 2 2 2 1 0 0 -2 -1"),
        "halves": _counting("Balanced, level 3 in halves.", "0.5 1 1 1.5 1 0.5 0 -0.5 -1 -1"),
    },
    "player": {
        "default": {
            "description": "Basic strategy, flat bets, a hi-lo count that shows results by count.",
            "bankroll": 1000,
            "playing_strategy": "basic",
            "betting_strategy": "flat",
            "counting_strategy": "hi_lo",
        },
    },
}
