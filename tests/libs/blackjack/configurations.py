"""Hypothesis strategies for whole tables: any rules, any players, any tables of what to do, sensible or not."""

from __future__ import annotations

from hypothesis import strategies as st

from libs.blackjack.configuration import (
    RANKS,
    BettingStrategy,
    Casino,
    Configuration,
    CountingSystem,
    IndexPlay,
    Player,
    PlayingStrategy,
    RampStep,
    TableName,
)
from tests.libs.blackjack.table import BASIC

__all__ = ["casinos", "configurations", "playing_strategies"]

DECKS = st.sampled_from([1, 1, 2, 2, 3, 4, 6, 8, "infinite"])
HANDS_MAX = {1: 2, 2: 4}
ROWS: dict[TableName, list[str]] = {
    "hard": [str(points) for points in range(8, 22)],
    "soft": [str(points) for points in range(13, 22)],
    "pairs": list(BASIC.pairs),
}
QUARTERS = st.integers(-16, 16).map(lambda quarters: quarters / 4)
COUNTS = st.integers(-12, 12)


@st.composite
def casinos(draw: st.DrawFn) -> Casino:
    return Casino(
        deck_count=draw(DECKS),  # type: ignore[arg-type]
        shuffle=draw(st.sampled_from(["cut_card", "cut_card", "every_round", "continuous"])),  # type: ignore[arg-type]
        reshuffle_penetration=draw(st.floats(0.01, 0.99)),
        blackjack_payout=draw(st.sampled_from([1.0, 1.2, 1.5, 2.0, 1.15, 3.0])),
        hit_on_soft_17=draw(st.booleans()),
        dealer_checks_for_blackjack=draw(st.booleans()),
        DAS=draw(st.booleans()),
        double_down_restrictions=draw(
            st.sampled_from(["any_two_cards", "hard_8_to_11", "hard_9_to_11", "hard_10_to_11", "none"])  # type: ignore[arg-type]
        ),
        allow_resplit_to_hands=draw(st.integers(1, 4)),
        allow_resplit_aces=draw(st.booleans()),
        hit_split_aces=draw(st.booleans()),
        allow_late_surrender=draw(st.booleans()),
        allow_early_surrender=draw(st.booleans()),
        offer_insurance=draw(st.booleans()),
    )


@st.composite
def playing_strategies(draw: st.DrawFn) -> PlayingStrategy:
    """Basic strategy, or one where any cell may say anything; with index plays on top."""
    tables: dict[TableName, dict[str, dict[str, str]]] = {
        "hard": {name: dict(row) for name, row in BASIC.hard.items()},
        "soft": {name: dict(row) for name, row in BASIC.soft.items()},
        "pairs": {name: dict(row) for name, row in BASIC.pairs.items()},
    }
    if draw(st.booleans()):
        wild = draw(st.randoms(use_true_random=False))
        for table, letters in (("hard", "HSDRu"), ("soft", "HSDRu"), ("pairs", "HSDPPPRu")):
            for cells in tables[table].values():  # type: ignore[index]
                for dealer in RANKS:
                    if wild.random() < 0.3:
                        cells[dealer] = wild.choice(letters)
        if draw(st.booleans()):
            tables["pairs"] = {pair: dict.fromkeys(RANKS, "P") for pair in BASIC.pairs}
        for dealer in RANKS:
            # whoever hits 21 again and again draws cards without end
            tables["hard"]["21"][dealer] = tables["hard"]["20"][dealer] = "S"
    return PlayingStrategy(
        **tables,  # type: ignore[arg-type]
        index_plays=tuple(draw(st.lists(_index_plays(), max_size=8))),
        insurance_index=draw(st.none() | COUNTS),
    )


@st.composite
def _index_plays(draw: st.DrawFn) -> IndexPlay:
    table = draw(st.sampled_from(["hard", "soft", "pairs"]))
    return IndexPlay(
        table=table,  # type: ignore[arg-type]
        row=draw(st.sampled_from(ROWS[table])),  # type: ignore[index]
        dealer=draw(st.sampled_from(RANKS)),
        index=draw(st.integers(-3, 3) | COUNTS),
        action=draw(st.sampled_from("HSDPRu" if table == "pairs" else "HSDRu")),  # type: ignore[arg-type]
        below=draw(st.booleans()),
    )


@st.composite
def _counting_systems(draw: st.DrawFn) -> CountingSystem:
    values = draw(
        st.lists(QUARTERS | st.sampled_from([-1.0, 0.0, 1.0]), min_size=10, max_size=10) | st.just([0.0] * 10)
    )
    return CountingSystem(
        count_values=dict(zip(RANKS, values, strict=True)),
        true_count_method=draw(st.sampled_from(["floor", "truncate", "round"])),  # type: ignore[arg-type]
        deck_estimation=draw(st.sampled_from(["exact", "half", "full"])),  # type: ignore[arg-type]
        decision_count_type=draw(st.sampled_from(["true", "true", "running"])),  # type: ignore[arg-type]
        initial_running_count=draw(st.sampled_from([0.0, 0.0, -4.0, 2.5])),
    )


@st.composite
def _betting_strategies(draw: st.DrawFn, hands_max: int) -> BettingStrategy:
    least = draw(st.sampled_from([1.0, 2.5, 10.0, 0.05]))
    thresholds = sorted(draw(st.sets(COUNTS, max_size=4)))
    bets = [
        least * draw(st.sampled_from([0, 1, 1, 2, 3.5, 12]) | st.integers(1, 20)) for _ in range(len(thresholds) + 1)
    ]
    return BettingStrategy(
        min_bet=least,
        bet_ramp=tuple(
            RampStep(from_count=at, bet=round(bet, 2)) for at, bet in zip([None, *thresholds], bets, strict=True)
        ),
        num_hands=draw(st.integers(1, min(3, hands_max))),
    )


@st.composite
def configurations(draw: st.DrawFn) -> Configuration:
    casino = draw(casinos())
    hands_left = HANDS_MAX.get(casino.deck_count, 7)  # type: ignore[call-overload]
    players: list[Player] = []
    for number in range(draw(st.integers(1, 3))):
        if hands_left == 0:
            break
        betting = draw(_betting_strategies(hands_left))
        hands_left -= betting.num_hands
        players.append(
            Player(
                name=f"player {number}",
                bankroll=round(betting.min_bet * draw(st.sampled_from([1, 3.3, 10, 25, 100, 1000])), 2),
                playing_strategy=draw(playing_strategies()),
                betting_strategy=betting,
                counting_strategy=draw(_counting_systems()),
            )
        )
    sessions = draw(st.booleans())
    return Configuration(
        casino=casino,
        players=tuple(players),
        mode="sessions" if sessions else "ev",
        session_rounds=draw(st.integers(1, 60)) if sessions else 1000,
        win_goal=draw(st.none() | st.sampled_from([15.0, 60.0, 150.0, 1000.5])) if sessions else None,
    )
