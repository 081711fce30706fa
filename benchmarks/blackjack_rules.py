"""Rule sets that between them use every rule of the game: what the engine is compared with the plain reference on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from libs.blackjack.basic_strategy import basic_tables
from libs.blackjack.configuration import (
    RANKS,
    BettingStrategy,
    Casino,
    Configuration,
    CountingSystem,
    Player,
    PlayingStrategy,
    RampStep,
)
from libs.blackjack.index_plays import INSURANCE_INDEX, index_plays

__all__ = ["ENDLESS", "RULE_SETS", "UNSPLIT", "basic", "flat_table"]


def _system(values: str, **more: Any) -> CountingSystem:
    """Values of 2 to 10 and the ace."""
    return CountingSystem(count_values=dict(zip(RANKS, map(float, values.split()), strict=True)), **more)


NOTHING = _system("0 0 0 0 0 0 0 0 0 0")
HI_LO = _system("1 1 1 1 1 0 0 0 -1 -1")
KO = _system("1 1 1 1 1 1 0 0 -1 -1", decision_count_type="running", initial_running_count=-20.0)
HALVES = _system("0.5 1 1 1.5 1 0.5 0 -0.5 -1 -1", true_count_method="round", deck_estimation="half")
OMEGA_2 = _system("1 1 2 2 2 1 0 -1 -2 0", true_count_method="truncate", deck_estimation="full")

SPREAD = ((None, 1.0), (1, 2.0), (2, 4.0), (3, 8.0), (4, 10.0), (5, 12.0))


def basic(casino: Casino, *, indices: bool = False) -> PlayingStrategy:
    """Basic strategy for the rules, if asked with the index plays."""
    tables = basic_tables(casino)
    return PlayingStrategy(
        hard=tables["hard"],
        soft=tables["soft"],
        pairs=tables["pairs"],
        index_plays=index_plays(casino, tables) if indices else (),
        insurance_index=INSURANCE_INDEX if indices else None,
    )


def _bets(steps: tuple[tuple[int | None, float], ...], *, hands: int = 1, least: float = 1.0) -> BettingStrategy:
    ramp = tuple(RampStep(from_count=at, bet=bet) for at, bet in steps)
    return BettingStrategy(min_bet=least, bet_ramp=ramp, num_hands=hands)


def _player(
    playing: PlayingStrategy,
    betting: BettingStrategy,
    counting: CountingSystem = NOTHING,
    *,
    bankroll: float = 1000.0,
    name: str = "one",
) -> Player:
    return Player(
        name=name, bankroll=bankroll, playing_strategy=playing, betting_strategy=betting, counting_strategy=counting
    )


def flat_table(casino: Casino) -> Configuration:
    """One player, basic strategy, one unit on one hand, nothing counted."""
    return Configuration(casino=casino, players=(_player(basic(casino), _bets(((None, 1.0),))),))


def _counting_table(casino: Casino, counting: CountingSystem, hands: int = 1) -> Configuration:
    return Configuration(
        casino=casino, players=(_player(basic(casino, indices=True), _bets(SPREAD, hands=hands), counting),)
    )


def _crowd() -> Configuration:
    """Seven hands of four players who count, bet and play each in their way."""
    casino = Casino(deck_count=6, hit_on_soft_17=True, allow_late_surrender=True, allow_resplit_aces=True)
    return Configuration(
        casino=casino,
        players=(
            _player(basic(casino), _bets(((None, 1.0),), hands=2), name="two flat hands"),
            _player(basic(casino, indices=True), _bets(SPREAD, hands=3), HI_LO, name="three hands by the count"),
            _player(basic(casino, indices=True), _bets(((None, 0.0), (1, 5.0)), least=5.0), KO, name="waits"),
            _player(basic(casino, indices=True), _bets(SPREAD), HALVES, name="halves"),
        ),
    )


def _sessions(
    casino: Casino, counting: CountingSystem, *, bankroll: float, rounds: int, goal: float | None
) -> Configuration:
    two = (
        _player(basic(casino, indices=True), _bets(SPREAD), counting, bankroll=bankroll),
        _player(basic(casino), _bets(((None, 5.0),), hands=2, least=2.5), bankroll=2 * bankroll, name="other"),
    )
    return Configuration(casino=casino, players=two, mode="sessions", session_rounds=rounds, win_goal=goal)


RULE_SETS: Mapping[str, Configuration] = {
    "six decks S17": flat_table(Casino()),
    "six decks H17, late surrender, resplit aces": flat_table(
        Casino(hit_on_soft_17=True, allow_late_surrender=True, allow_resplit_aces=True)
    ),
    "eight decks, no hole card": flat_table(Casino(deck_count=8, dealer_checks_for_blackjack=False)),
    "four decks, no hole card, late surrender, insurance": _counting_table(
        Casino(deck_count=4, dealer_checks_for_blackjack=False, allow_late_surrender=True), HI_LO
    ),
    "six decks, early surrender, two hands": _counting_table(Casino(allow_early_surrender=True), HI_LO, hands=2),
    "no hole card, early surrender, hit split aces": _counting_table(
        Casino(dealer_checks_for_blackjack=False, allow_early_surrender=True, hit_split_aces=True), OMEGA_2
    ),
    "two decks H17, no doubling after a split, 65 %": _counting_table(
        Casino(deck_count=2, hit_on_soft_17=True, DAS=False, reshuffle_penetration=0.65), HI_LO
    ),
    "one deck dealt to 90 %, 6:5, hard ten and eleven": _counting_table(
        Casino(
            deck_count=1,
            reshuffle_penetration=0.9,
            blackjack_payout=1.2,
            double_down_restrictions="hard_10_to_11",
        ),
        HALVES,
        hands=2,
    ),
    "one deck every round, even money, no doubling": flat_table(
        Casino(deck_count=1, shuffle="every_round", blackjack_payout=1.0, double_down_restrictions="none")
    ),
    "five decks continuous, hard nine to eleven, one split": _counting_table(
        Casino(deck_count=5, shuffle="continuous", double_down_restrictions="hard_9_to_11", allow_resplit_to_hands=2),
        HI_LO,
    ),
    "endless decks": flat_table(Casino(deck_count="infinite")),
    "endless decks, all that helps": _counting_table(
        Casino(
            deck_count="infinite",
            allow_early_surrender=True,
            allow_late_surrender=True,
            allow_resplit_aces=True,
            hit_split_aces=True,
            blackjack_payout=2.0,
        ),
        HI_LO,
    ),
    "three decks, running count, no splits": _counting_table(
        Casino(deck_count=3, allow_resplit_to_hands=1, double_down_restrictions="hard_8_to_11"), KO
    ),
    "seven hands of four players": _crowd(),
    "sessions, six decks, ruin and goal": _sessions(Casino(), HI_LO, bankroll=60.0, rounds=300, goal=150.0),
    "sessions, no hole card, insurance and surrender": _sessions(
        Casino(deck_count=2, dealer_checks_for_blackjack=False, allow_late_surrender=True),
        HI_LO,
        bankroll=30.0,
        rounds=100,
        goal=None,
    ),
    "sessions, endless decks": _sessions(
        Casino(deck_count="infinite", allow_resplit_aces=True, hit_split_aces=True),
        NOTHING,
        bankroll=40.0,
        rounds=120,
        goal=90.0,
    ),
    "sessions, every round, early surrender": _sessions(
        Casino(deck_count=1, shuffle="every_round", allow_early_surrender=True, allow_resplit_to_hands=3),
        OMEGA_2,
        bankroll=25.0,
        rounds=80,
        goal=60.0,
    ),
}
"""By what is special about them."""

ENDLESS: Mapping[str, Casino] = {
    name: Casino(deck_count="infinite", **rules)
    for name, rules in {
        "S17": {},
        "H17": {"hit_on_soft_17": True},
        "no doubling after a split": {"DAS": False},
        "H17, late surrender": {"hit_on_soft_17": True, "allow_late_surrender": True},
        "early surrender": {"allow_early_surrender": True},
        "no hole card": {"dealer_checks_for_blackjack": False},
        "no hole card, late surrender": {"dealer_checks_for_blackjack": False, "allow_late_surrender": True},
        "no hole card, early surrender, H17": {
            "dealer_checks_for_blackjack": False,
            "allow_early_surrender": True,
            "hit_on_soft_17": True,
        },
        "6:5, hard nine to eleven": {"blackjack_payout": 1.2, "double_down_restrictions": "hard_9_to_11"},
        "no doubling, no splits": {"double_down_restrictions": "none", "allow_resplit_to_hands": 1},
        "resplit aces": {"allow_resplit_aces": True},
        "hit and resplit split aces": {"allow_resplit_aces": True, "hit_split_aces": True},
        "two hands of a split, hard ten and eleven": {
            "allow_resplit_to_hands": 2,
            "double_down_restrictions": "hard_10_to_11",
        },
        "three hands of a split, no DAS, even money": {
            "allow_resplit_to_hands": 3,
            "DAS": False,
            "blackjack_payout": 1.0,
        },
    }.items()
}
"""Rules for endless decks, where the expected value is known exactly."""

UNSPLIT: Mapping[str, Casino] = {
    name: Casino(shuffle="every_round", allow_resplit_to_hands=1, **rules)
    for name, rules in {
        "one deck, S17": {"deck_count": 1},
        "one deck, H17, late surrender, 6:5": {
            "deck_count": 1,
            "hit_on_soft_17": True,
            "allow_late_surrender": True,
            "blackjack_payout": 1.2,
        },
        "two decks, H17, no hole card": {
            "deck_count": 2,
            "hit_on_soft_17": True,
            "dealer_checks_for_blackjack": False,
        },
        "two decks, no hole card, late surrender": {
            "deck_count": 2,
            "dealer_checks_for_blackjack": False,
            "allow_late_surrender": True,
        },
        "six decks, early surrender": {"deck_count": 6, "allow_early_surrender": True},
        "eight decks, H17, hard nine to eleven": {
            "deck_count": 8,
            "hit_on_soft_17": True,
            "double_down_restrictions": "hard_9_to_11",
        },
    }.items()
}
"""Rules without splits for whole decks that are shuffled before every round: here, too, the value is known exactly."""
