"""What a range of blocks came to: integers only, so that tallies merge exactly, in any order.

A block is what is independent of every other: a shoe from shuffle to shuffle; a round, where every round is dealt from a full shoe
or an endless one; a session in mode `sessions`. A result is in twentieths of one hand's bet, money in twentieths of the player's
betting unit (the greatest amount that all the ramp's bets are multiples of).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import msgspec

__all__ = ["CountRow", "PlayerTally", "SessionTally", "TableTally", "Tally", "decode", "digest", "encode", "merge"]

_T = TypeVar("_T")

EXACT_IN_JSON = 2**53
"""Readers of JSON keep integers up to here; larger ones are written as strings of digits."""


class _Value(msgspec.Struct, frozen=True, kw_only=True):
    pass


class CountRow(_Value, frozen=True, kw_only=True):
    """A player's rounds that were bet at one count, -12 to 12; the lowest and the highest row hold what lies beyond them."""

    count: int
    rounds: int
    results: dict[int, int]
    """Result of the round over the player's hands, in twentieths of one hand's bet, insurance included -> rounds."""
    wagered: int
    """Bets on all hands with doubles, splits and insurance, in twentieths of one hand's bet."""


class SessionTally(_Value, frozen=True, kw_only=True):
    """A player's sessions. Amounts are in twentieths of the betting unit. The bins of a path are equal parts of `bankroll_span`, which
    starts at `bankroll_low`; the first also holds everything below, the last everything above."""

    sessions: int
    ruined: int
    goals: int
    rounds_to_ruin: int
    """The sum over ruined sessions."""
    checkpoints: tuple[int, ...]
    """Rounds after which the bankroll was looked at; the last is the session's end."""
    bankroll_low: int
    bankroll_span: int
    paths: tuple[tuple[int, ...], ...]
    """For each checkpoint, sessions by bin of the bankroll at that time; who left keeps what they left with."""
    final: int
    """Sum of the final bankrolls."""
    final_squares: int


class PlayerTally(_Value, frozen=True, kw_only=True):
    """One player. Money is exact for the bets that were really made."""

    rows: tuple[CountRow, ...]
    """By count, upwards; counts at which no round was bet are left out."""
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


def merge(tallies: Sequence[Tally]) -> Tally:
    """The tally of all their blocks, the same for any order and any cutting into parts.

    The blocks must be contiguous and disjoint, which is not checked; that the tables are alike is. Raises `ValueError` for none or unlike ones.
    """
    if not tallies:
        raise ValueError("there is nothing to merge")
    return Tally(
        first_block=min(tally.first_block for tally in tallies),
        blocks=sum(tally.blocks for tally in tallies),
        tables=tuple(_merge_tables(alike) for alike in _zipped(tally.tables for tally in tallies)),
        moments=_sums(tally.moments for tally in tallies),
    )


def encode(tally: Tally) -> bytes:
    """Canonical JSON: equal tallies have equal bytes. `decode` gives the tally back exactly."""
    return json.dumps(_written(msgspec.to_builtins(tally)), sort_keys=True, separators=(",", ":")).encode()


def decode(data: bytes) -> Tally:
    """Raises `ValueError` where `data` is no encoded tally."""
    return msgspec.convert(_read(json.loads(data)), Tally, str_keys=True)


def digest(tally: Tally) -> str:
    """Sixty-four hexadecimal digits that equal tallies share and no others are known to."""
    return hashlib.sha256(encode(tally)).hexdigest()


def _merge_tables(tables: Sequence[TableTally]) -> TableTally:
    return TableTally(
        rounds=sum(table.rounds for table in tables),
        dealer=_sums(table.dealer for table in tables),
        players=tuple(_merge_players(alike) for alike in _zipped(table.players for table in tables)),
    )


def _merge_players(players: Sequence[PlayerTally]) -> PlayerTally:
    sessions = [player.sessions for player in players if player.sessions is not None]
    if len(sessions) not in (0, len(players)):
        raise ValueError("sessions cannot be merged with endless play")
    rows: dict[int, list[CountRow]] = {}
    for player in players:
        for row in player.rows:
            rows.setdefault(row.count, []).append(row)
    return PlayerTally(
        rows=tuple(_merge_rows(rows[count]) for count in sorted(rows)),
        outcomes=_sums(player.outcomes for player in players),
        insurance_won=sum(player.insurance_won for player in players),
        insurance_lost=sum(player.insurance_lost for player in players),
        initial=sum(player.initial for player in players),
        wagered=sum(player.wagered for player in players),
        net=sum(player.net for player in players),
        net_squares=sum(player.net_squares for player in players),
        sessions=_merge_sessions(sessions) if sessions else None,
    )


def _merge_rows(rows: Sequence[CountRow]) -> CountRow:
    results: dict[int, int] = {}
    for row in rows:
        for result, rounds in row.results.items():
            results[result] = results.get(result, 0) + rounds
    return CountRow(
        count=rows[0].count,
        rounds=sum(row.rounds for row in rows),
        results={result: results[result] for result in sorted(results)},
        wagered=sum(row.wagered for row in rows),
    )


def _merge_sessions(sessions: Sequence[SessionTally]) -> SessionTally:
    if len({(each.checkpoints, each.bankroll_low, each.bankroll_span) for each in sessions}) != 1:
        raise ValueError("sessions whose bankrolls were looked at in different ways cannot be merged")
    return SessionTally(
        sessions=sum(each.sessions for each in sessions),
        ruined=sum(each.ruined for each in sessions),
        goals=sum(each.goals for each in sessions),
        rounds_to_ruin=sum(each.rounds_to_ruin for each in sessions),
        checkpoints=sessions[0].checkpoints,
        bankroll_low=sessions[0].bankroll_low,
        bankroll_span=sessions[0].bankroll_span,
        paths=tuple(_sums(alike) for alike in _zipped(each.paths for each in sessions)),
        final=sum(each.final for each in sessions),
        final_squares=sum(each.final_squares for each in sessions),
    )


def _zipped(sequences: Iterable[Sequence[_T]]) -> list[tuple[_T, ...]]:
    return list(zip(*sequences, strict=True))


def _sums(sequences: Iterable[Sequence[int]]) -> tuple[int, ...]:
    return tuple(sum(alike) for alike in _zipped(sequences))


def _written(value: Any) -> Any:
    match value:
        case dict():
            return {str(key): _written(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_written(inner) for inner in value]
        case int() if abs(value) > EXACT_IN_JSON:
            return str(value)
        case _:
            return value


def _read(value: Any) -> Any:
    match value:
        case dict():
            return {key: _read(inner) for key, inner in value.items()}
        case list():
            return [_read(inner) for inner in value]
        case str():
            return int(value)
        case _:
            return value
