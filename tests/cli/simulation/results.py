"""Results as the runner stores them, built from the documents' own types so that they cannot drift from them."""

from __future__ import annotations

from typing import Any

import msgspec

from libs.blackjack.configuration import (
    BettingStrategy,
    Casino,
    Configuration,
    CountingSystem,
    Player,
    PlayingStrategy,
    RampStep,
)
from libs.simulation.documents import (
    CellResult,
    ComparisonResult,
    CountResult,
    DealerOutcomes,
    Difference,
    NoteShown,
    PlayerNumbers,
    PlayerResult,
    SimulationResult,
    SweepAxis,
    SweepResult,
)

__all__ = ["JOB", "comparison", "player", "simulation", "sweep"]

JOB = "0198a000-0000-7000-8000-000000000001"
CONFIGURATION = Configuration(
    casino=Casino(name="six_deck_s17"),
    players=(
        Player(
            name="default",
            playing_strategy=PlayingStrategy(name="basic", hard={}, soft={}, pairs={}),
            betting_strategy=BettingStrategy(name="flat", bet_ramp=(RampStep(from_count=None, bet=1),)),
            counting_strategy=CountingSystem(name="hi_lo", count_values={}),
        ),
    ),
)
DEALER = DealerOutcomes(seventeen=1, eighteen=1, nineteen=1, twenty=1, twenty_one=1, bust=1, blackjack=1, not_played=1)
HAND = {
    "block": 1, "round": 13, "dealer": ["10", "5"], "dealer_end": "not played", "count": 2, "net": -1.5,
    "hands": [
        {"cards": ["8", "7", "9"], "decisions": ["P", "H"], "bet": 1.0, "insurance": 0.5, "outcome": "bust"},
        {"cards": ["8", "10"], "decisions": ["S"], "bet": 1.0, "insurance": 0.0, "outcome": "push"},
    ],
}  # fmt: skip
RUN: dict[str, Any] = {
    "engine_version": "1",
    "configuration_hash": "cafe" * 16,
    "seed": 42,
    "rounds": 1_000_000,
    "seconds": 83.1,
    "rounds_per_second": 12_033_694.0,
    "notes": (NoteShown(pointer="/casino/reshuffle_penetration", detail="75 was read as a percentage: 0.75."),),
}
NUMBERS: dict[str, Any] = {
    "standard_error": 0.0001,
    "rounds": 1_000_000,
    "average_bet": 1.0,
    "win_rate_per_100": -0.42,
    "win_rate_standard_error": 0.01,
    "sd_per_round": 1.1553,
    "sd_per_100": 11.553,
    "sd_per_100_blocks": 11.6,
    "score": 0.0,
    "di": -3.6,
    "n0": None,
    "risk_of_ruin": 1.0,
    "player_edge": -0.0038,
}


def player(name: str = "default", ev: float = -0.0042) -> PlayerResult:
    count = CountResult(
        count=2, rounds=90_000, share=0.09, bet=4.0, ev=0.0051, standard_error=0.0038, interval=None, sd=1.1,
        kelly_fraction=0.004, units_net=9180, units_squares=1, units_wagered=2_000_000,
    )  # fmt: skip
    return PlayerResult(
        name=name, ev=ev, interval=(ev - 0.0002, ev + 0.0002), **NUMBERS,
        initial_bankroll=1000.0, final_bankroll=-3200.0, net_gain_loss=-4200.0, initial_bets=1e6, total_wagered=1.1e6,
        betting_unit=1.0, hands_per_round=1,
        strategies={"playing_strategy": "basic", "betting_strategy": "flat", "counting_strategy": "hi_lo"},
        outcomes={"hands": 1_027_000, "wins": 433_000}, by_count=(count,), histogram=(), sessions=None,
        hand_history=(HAND,),
    )  # fmt: skip


def simulation(**changes: Any) -> dict[str, Any]:
    result = SimulationResult(
        **RUN, digest="beef" * 16, blocks=21_000, stopped="rounds", configuration=CONFIGURATION,
        casino="6 decks, S17, DAS", players=(player(),), dealer=DEALER,
    )  # fmt: skip
    return plain(result) | changes


def comparison() -> dict[str, Any]:
    return plain(
        ComparisonResult(
            **RUN, digest="beef" * 16, blocks=21_000, stopped="target", rounds_b=1_000_010,
            configuration_a=CONFIGURATION, configuration_b=CONFIGURATION, casino_a="6 decks, S17", casino_b="6 decks, H17",
            a=(player(),), b=(player(ev=-0.0062),), dealer_a=DEALER, dealer_b=DEALER,
            difference=(
                Difference(
                    player=0, name="default", ev_difference=-0.002, standard_error=0.00002, interval=(-0.00204, -0.00196),
                    correlation=0.98, variance_ratio=25.0, win_rate_difference=-0.2, win_rate_standard_error=0.002,
                    win_rate_interval=(-0.204, -0.196),
                ),
            ),
        )
    )  # fmt: skip


def sweep(*axes: SweepAxis) -> dict[str, Any]:
    """Of the cells, the last one failed."""
    places = [(first, second) for first in axes[0].values for second in (axes[1].values if len(axes) > 1 else ("",))]
    cells = [
        CellResult(
            labels=tuple(label for label in labels if label), job_id=JOB, status="done", rounds=1_000_000,
            players=(PlayerNumbers(name="default", ev=-0.005 + 0.001 * number, interval=None, **NUMBERS),),
        )
        for number, labels in enumerate(places[:-1])
    ]  # fmt: skip
    failed = CellResult(
        labels=tuple(each for each in places[-1] if each), job_id=JOB, status="failed", error="no runner"
    )
    result = SweepResult(
        **RUN, configuration=CONFIGURATION, casino="6 decks", axes=axes, cells=(*cells, failed), best=len(cells) - 1
    )
    return plain(result)


def plain(result: msgspec.Struct) -> dict[str, Any]:
    """As it comes over HTTP."""
    found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(result))
    return found
