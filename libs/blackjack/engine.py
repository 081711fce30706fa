"""The compiled engine: the same tally for the same tables, seed and blocks, however they are cut up, on any machine.

Where rules are silent, it does what `libs.blackjack.reference` does. Importing it imports numba: import it where it is used.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from libs.blackjack import moments, money
from libs.blackjack.configuration import (
    RANKS,
    BettingStrategy,
    Casino,
    Configuration,
    CountingSystem,
    Player,
    PlayingStrategy,
    RampStep,
    Row,
)
from libs.blackjack.decisions import COUNTS
from libs.blackjack.kernel import Money, Session, Sums, play, room_for
from libs.blackjack.layout import Seat, layout, moment_bound
from libs.blackjack.outcomes import CODES
from libs.blackjack.tally import CountRow, PlayerTally, SessionTally, TableTally, Tally

__all__ = ["BLOCK_MAX", "ENGINE_VERSION", "SEED_MAX", "rounds_per_block", "simulate", "warm_up"]

ENGINE_VERSION = "1"
"""Changes with whatever changes a tally."""

SEED_MAX = 2**53 - 1
BLOCK_MAX = 2**53
"""Blocks are numbered below it."""

_PILOT_BLOCKS = 16_384
_PILOT_ROUNDS = 500_000
_NO_END = 2**62


class _Played:
    """What one table came to so far."""

    def __init__(self, configuration: Configuration, finals: int) -> None:
        self.configuration = configuration
        self.table = table = layout(configuration)
        players = len(configuration.players)
        spans = table.seats[:, Seat.SPAN]
        self.sums = Sums(
            results=np.zeros(int(len(COUNTS) * (2 * spans + 1).sum()), np.int64),
            extra=np.zeros((players, len(COUNTS)), np.int64),
            outcomes=np.zeros((players, CODES), np.int64),
            dealer=np.zeros(8, np.int64),
            money=np.zeros((players, len(Money)), np.int64),
            sessions=np.zeros((players, len(Session)), np.int64),
            paths=np.zeros((players, len(table.checkpoints), money.BINS), np.int64),
        )
        self._room = room_for(table)
        self.finals = np.zeros((players, finals), np.int64)
        self._final = [0] * players
        self._final_squares = np.zeros((players, moments.LIMBS, 2), np.int64)
        self._squared = np.array([(player, player) for player in range(players)], dtype=np.int64)

    def play(self, vectors: moments.Ints, entry: int, seed: int, first: int, blocks: int, rounds: int) -> int:
        played: int = play(
            self.table, self._room, self.sums, vectors, entry, self.finals, np.uint64(seed), first, blocks, rounds
        )
        if self.table.sessions:
            for player, final in enumerate(self.finals[:, :played].sum(axis=1).tolist()):
                self._final[player] += final
            moments.add_products(self.finals, played, self._squared, False, self._final_squares)
        return played

    @property
    def rounds(self) -> int:
        return int(self.sums.dealer.sum())

    def tally(self, blocks: int) -> TableTally:
        return TableTally(
            rounds=self.rounds,
            dealer=tuple(self.sums.dealer.tolist()),
            players=tuple(self._player(number, blocks) for number in range(len(self.configuration.players))),
        )

    def _player(self, number: int, blocks: int) -> PlayerTally:
        sums, table = self.sums, self.table
        betting = self.configuration.players[number].betting_strategy
        rows = self._rows(number)
        own = sums.money[number].tolist()
        if table.sessions:
            initial, wagered, net = own[Money.INITIAL], own[Money.WAGERED], own[Money.NET]
            net_squares = (own[Money.SQUARES_HIGH] << 32) + own[Money.SQUARES_LOW]
        else:
            initial, wagered, net, net_squares = _money(betting, rows)
        return PlayerTally(
            rows=rows,
            outcomes=tuple(sums.outcomes[number].tolist()),
            insurance_won=own[Money.INSURANCE_WON],
            insurance_lost=own[Money.INSURANCE_LOST],
            initial=initial,
            wagered=wagered,
            net=net,
            net_squares=net_squares,
            sessions=self._sessions(number, blocks) if table.sessions else None,
        )

    def _rows(self, number: int) -> tuple[CountRow, ...]:
        seat = self.table.seats[number]
        span, start = int(seat[Seat.SPAN]), int(seat[Seat.RESULTS])
        width = 2 * span + 1
        rows = []
        for place, count in enumerate(COUNTS):
            found = self.sums.results[start + place * width : start + (place + 1) * width]
            results = {int(result) - span: int(found[result]) for result in np.flatnonzero(found)}
            if results:
                rounds = sum(results.values())
                wagered = 20 * int(seat[Seat.HANDS]) * rounds + int(self.sums.extra[number, place])
                rows.append(CountRow(count=count, rounds=rounds, results=results, wagered=wagered))
        return tuple(rows)

    def _sessions(self, number: int, blocks: int) -> SessionTally:
        player = self.configuration.players[number]
        bins = money.path_bins(self.configuration, player)
        own = self.sums.sessions[number].tolist()
        return SessionTally(
            sessions=blocks,
            ruined=own[Session.RUINED],
            goals=own[Session.GOALS],
            rounds_to_ruin=own[Session.ROUNDS_TO_RUIN],
            checkpoints=tuple(self.table.checkpoints.tolist()),
            bankroll_low=bins.low,
            bankroll_span=bins.width * money.BINS,
            paths=tuple(tuple(path) for path in self.sums.paths[number].tolist()),
            final=self._final[number],
            final_squares=moments.values(self._final_squares)[number],
        )


def _money(betting: BettingStrategy, rows: Sequence[CountRow]) -> tuple[int, int, int, int]:
    """Initial, wagered, net and squared net money of endless play, where the count alone decides the bet."""
    initial = wagered = net = net_squares = 0
    for row in rows:
        bet = money.units(betting, money.bet_at(betting, row.count))
        initial += 20 * betting.num_hands * bet * row.rounds
        wagered += bet * row.wagered
        net += bet * sum(result * rounds for result, rounds in row.results.items())
        net_squares += bet**2 * sum(result**2 * rounds for result, rounds in row.results.items())
    return initial, wagered, net, net_squares


def simulate(
    tables: Sequence[Configuration], seed: int, first_block: int, blocks: int, *, rounds_min: int | None = None
) -> Tally:
    """Play blocks `first_block` and following at one table, or at two with the same cards; releases the GIL while it plays.

    With `rounds_min` it ends after the block in which the first table has had so many rounds. Raises `ValueError` for what cannot be
    played exactly; otherwise any cutting of the blocks into calls merges to the same tally.
    """
    if len(tables) not in (1, 2):
        raise ValueError("one table is simulated, or two are compared")
    if not 0 <= seed <= SEED_MAX:
        raise ValueError(f"a seed is 0 to {SEED_MAX}")
    if first_block < 0 or blocks < 0 or first_block + blocks > BLOCK_MAX:
        raise ValueError(f"blocks are numbered from 0 to {BLOCK_MAX - 1}")
    at_once = max(1, min(blocks, moments.COLUMNS_MAX))
    played = [_Played(configuration, at_once) for configuration in tables]
    entries = [1 + 2 * len(configuration.players) for configuration in tables]
    vectors = np.zeros((sum(entries), at_once), np.int64)
    pairs = moments.upper_triangle(sum(entries))
    products = np.zeros((len(pairs), moments.LIMBS, 2), np.int64)
    small = all(moment_bound(table.table) < moments.SMALL for table in played)
    done = 0
    while done < blocks:
        wanted = _NO_END if rounds_min is None else rounds_min - played[0].rounds
        if wanted <= 0:
            break
        now = played[0].play(vectors, 0, seed, first_block + done, min(at_once, blocks - done), wanted)
        for other in played[1:]:
            other.play(vectors, entries[0], seed, first_block + done, now, _NO_END)
        moments.add_products(vectors, now, pairs, small, products)
        done += now
    return Tally(
        first_block=first_block,
        blocks=done,
        tables=tuple(table.tally(done) for table in played),
        moments=moments.values(products),
    )


def rounds_per_block(configuration: Configuration) -> float:
    """About how many rounds a block has: always the same answer, by a short run of its own."""
    if configuration.mode == "ev" and layout(configuration).cut == 1:
        return 1.0
    pilot = simulate([configuration], 0, 0, _PILOT_BLOCKS, rounds_min=_PILOT_ROUNDS)
    return pilot.tables[0].rounds / pilot.blocks


def warm_up() -> None:
    """Compile the kernel, or load it from the cache, so that the next call begins at once."""
    row: Row = dict.fromkeys(RANKS, "S")
    simulate(
        [
            Configuration(
                casino=Casino(),
                players=(
                    Player(
                        name="",
                        playing_strategy=PlayingStrategy(
                            hard={str(total): row for total in range(8, 22)},
                            soft={str(total): row for total in range(13, 22)},
                            pairs={f"{rank},{rank}": row for rank in RANKS},
                        ),
                        betting_strategy=BettingStrategy(bet_ramp=(RampStep(from_count=None, bet=1.0),)),
                        counting_strategy=CountingSystem(count_values=dict.fromkeys(RANKS, 0.0)),
                    ),
                ),
            )
        ],
        seed=0,
        first_block=0,
        blocks=1,
    )
