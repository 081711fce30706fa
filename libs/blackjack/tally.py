"""What a range of blocks came to: integers only, so that tallies merge exactly, in any order.

A block is what is independent of every other: a shoe from shuffle to shuffle; a round, where every round is dealt from a full shoe
or an endless one; a session in mode `sessions`. A result is in twentieths of one hand's bet, money in twentieths of the player's
betting unit (the greatest amount that all the ramp's bets are multiples of).
"""

from __future__ import annotations

import msgspec

__all__ = ["CountRow", "PlayerTally", "SessionTally", "TableTally", "Tally"]


class _Value(msgspec.Struct, frozen=True, kw_only=True):
    pass


class CountRow(_Value, frozen=True, kw_only=True):
    """A player's rounds that were bet at one count; the lowest and the highest row hold what lies beyond them."""

    count: int
    rounds: int
    results: dict[int, int]
    """Result of the round over the player's hands, in twentieths of one hand's bet, insurance included -> rounds."""
    wagered: int
    """Bets on all hands with doubles, splits and insurance, in twentieths of one hand's bet."""


class SessionTally(_Value, frozen=True, kw_only=True):
    """A player's sessions. `bins` are equal parts of `bankroll_span`, from 0; the last holds everything above."""

    sessions: int
    ruined: int
    goals: int
    rounds_to_ruin: int
    """The sum over ruined sessions."""
    checkpoints: tuple[int, ...]
    """Rounds after which the bankroll was looked at."""
    bankroll_span: int
    paths: tuple[tuple[int, ...], ...]
    """For each checkpoint, sessions by bin of the bankroll at that time; who left keeps what they left with."""
    final: int
    """Sum of the final bankrolls."""
    final_squares: int


class PlayerTally(_Value, frozen=True, kw_only=True):
    """One player. Money is exact for the bets that were really made."""

    rows: tuple[CountRow, ...]
    outcomes: tuple[int, ...]
    """Final hands by `libs.blackjack.outcomes.code`."""
    insurance_won: int
    insurance_lost: int
    initial: int
    """Initial bets over all hands."""
    wagered: int
    net: int
    net_squares: int
    """Sum over rounds of the squared net result of the round."""
    sessions: SessionTally | None = None


class TableTally(_Value, frozen=True, kw_only=True):
    """One table."""

    rounds: int
    dealer: tuple[int, ...]
    """Rounds by the dealer's end: 17, 18, 19, 20, 21, bust, blackjack, not played."""
    players: tuple[PlayerTally, ...]


class Tally(_Value, frozen=True, kw_only=True):
    """One table, or two that were dealt the same cards. `moments` are the sums over blocks of the products of every two entries of a
    block's vector: for each table its rounds, then for each of its players net and initial money; row by row, the upper triangle."""

    first_block: int
    blocks: int
    tables: tuple[TableTally, ...]
    moments: tuple[int, ...]
