"""Tallies made from known rounds, so that every number can be worked out a second time from the rounds themselves."""

from __future__ import annotations

import random
from collections import Counter
from typing import NamedTuple

from libs.blackjack.configuration import (
    RANKS,
    Action,
    BettingStrategy,
    Casino,
    Configuration,
    CountingSystem,
    Player,
    PlayingStrategy,
    RampStep,
)
from libs.blackjack.money import bet_at, betting_unit
from libs.blackjack.outcomes import CODES
from libs.blackjack.tally import CountRow, PlayerTally, SessionTally, TableTally, Tally


class Round(NamedTuple):
    count: int
    result: int
    """In twentieths of one hand's bet, over all hands."""
    wagered: int


Blocks = list[list[list[Round]]]
"""Per block, per player, the rounds."""

FLAT = BettingStrategy(name="flat", min_bet=10.0, bet_ramp=(RampStep(from_count=None, bet=10.0),))
SPREAD = BettingStrategy(
    name="spread_1_12",
    min_bet=10.0,
    bet_ramp=(
        RampStep(from_count=None, bet=10.0),
        RampStep(from_count=1, bet=25.0),
        RampStep(from_count=2, bet=60.0),
        RampStep(from_count=4, bet=120.0),
    ),
)
HI_LO = CountingSystem(name="hi_lo", count_values=dict.fromkeys(RANKS, 0.0) | {"5": 1.0, "10": -1.0})


def strategy(name: str = "basic") -> PlayingStrategy:
    def row(action: Action) -> dict[str, Action]:
        return dict.fromkeys(RANKS, action)

    return PlayingStrategy(
        name=name,
        hard={str(total): row("H" if total < 17 else "S") for total in range(8, 22)},  # type: ignore[misc]
        soft={str(total): row("H" if total < 18 else "S") for total in range(13, 22)},  # type: ignore[misc]
        pairs={f"{rank},{rank}": row("P" if rank in "A8" else "S") for rank in RANKS},  # type: ignore[misc]
    )


def configuration(
    *bettings: BettingStrategy, names: tuple[str, ...] = (), sessions: bool = False, **casino: object
) -> Configuration:
    players = tuple(
        Player(
            name=names[number] if number < len(names) else f"player {number + 1}",
            bankroll=10_000.0,
            playing_strategy=strategy(),
            betting_strategy=betting,
            counting_strategy=HI_LO,
        )
        for number, betting in enumerate(bettings or (FLAT,))
    )
    return Configuration(
        casino=Casino(name="six_deck_s17", **casino),  # type: ignore[arg-type]
        players=players,
        mode="sessions" if sessions else "ev",
    )


def deal(seed: int, blocks: int, hands: tuple[int, ...] = (1,), rounds: int = 45, tilt: float = 0.0) -> Blocks:
    """Blocks whose rounds resemble blackjack: an advantage that rises with the count, doubles, naturals, blocks of uneven length."""
    dice = random.Random(seed)
    made: Blocks = []
    for _ in range(blocks):
        length = max(1, round(dice.gauss(rounds, 2)))
        counts = [max(-12, min(12, round(dice.gauss(-0.4, 0.3 + place / 14)))) for place in range(length)]
        players = []
        for n in hands:
            played = []
            for count in counts:
                results = [_hand(dice, 0.0048 * count - 0.005 + tilt) for _ in range(n)]
                played.append(Round(count, sum(r for r, _ in results), sum(w for _, w in results)))
            players.append(played)
        made.append(players)
    return made


def _hand(dice: random.Random, edge: float) -> tuple[int, int]:
    kind = dice.random()
    bet = 40 if kind < 0.1 else 60 if kind < 0.103 else 20
    if 0.2 < kind < 0.2475:
        return 30, 20
    outcome = dice.random()
    return (bet if outcome < 0.4285 + edge / 2 else 0 if outcome < 0.5135 + edge / 2 else -bet), bet


def tally(
    configurations: Configuration | tuple[Configuration, ...],
    tables: Blocks | tuple[Blocks, ...],
    sessions: SessionTally | None = None,
) -> Tally:
    """What the engine would say of these rounds; added up block by block."""
    if isinstance(configurations, Configuration):
        configurations = (configurations,)
    if isinstance(tables, list):
        tables = (tables,)
    vectors = block_vectors(configurations, tables)
    size = len(vectors[0]) if vectors else sum(1 + 2 * len(each.players) for each in configurations)
    moments = tuple(sum(v[i] * v[j] for v in vectors) for i in range(size) for j in range(i, size))
    return Tally(
        first_block=0,
        blocks=len(vectors),
        tables=tuple(_table(one, blocks, sessions) for one, blocks in zip(configurations, tables, strict=True)),
        moments=moments,
    )


def stakes(betting: BettingStrategy, count: int) -> int:
    """The bet on each hand, in betting units."""
    return round(bet_at(betting, count) / float(betting_unit(betting)))


def block_vectors(configurations: tuple[Configuration, ...], tables: tuple[Blocks, ...]) -> list[list[int]]:
    vectors = []
    for parts in zip(*tables, strict=True):
        vector: list[int] = []
        for one, players in zip(configurations, parts, strict=True):
            vector.append(len(players[0]))
            for player, rounds in zip(one.players, players, strict=True):
                betting = player.betting_strategy
                vector.append(sum(stakes(betting, r.count) * r.result for r in rounds))
                vector.append(sum(stakes(betting, r.count) * 20 * betting.num_hands for r in rounds))
        vectors.append(vector)
    return vectors


def _table(one: Configuration, blocks: Blocks, sessions: SessionTally | None) -> TableTally:
    total = sum(len(block[0]) for block in blocks)
    ends = [total * share // 100 for share in (14, 13, 13, 18, 7, 27, 5)]
    return TableTally(
        rounds=total,
        dealer=(*ends, total - sum(ends)),
        players=tuple(
            _player(player.betting_strategy, [r for block in blocks for r in block[number]], sessions)
            for number, player in enumerate(one.players)
        ),
    )


def _player(betting: BettingStrategy, rounds: list[Round], sessions: SessionTally | None) -> PlayerTally:
    rows = []
    for count in range(-12, 13):
        here = [r for r in rounds if r.count == count]
        rows.append(
            CountRow(
                count=count,
                rounds=len(here),
                results=dict(Counter(r.result for r in here)),
                wagered=sum(r.wagered for r in here),
            )
        )
    bets = [stakes(betting, r.count) for r in rounds]
    outcomes = [0] * CODES
    for r in rounds:
        outcomes[0 if r.result > 0 else 12 if r.result == 0 else 20] += 1
    return PlayerTally(
        rows=tuple(rows),
        outcomes=tuple(outcomes),
        insurance_won=0,
        insurance_lost=0,
        initial=sum(bet * 20 * betting.num_hands for bet in bets),
        wagered=sum(bet * r.wagered for bet, r in zip(bets, rounds, strict=True)),
        net=sum(bet * r.result for bet, r in zip(bets, rounds, strict=True)),
        net_squares=sum((bet * r.result) ** 2 for bet, r in zip(bets, rounds, strict=True)),
        sessions=sessions,
    )
