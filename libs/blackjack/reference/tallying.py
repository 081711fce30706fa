"""Adding up rounds into the tally that the engine gives, too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from libs.blackjack import money
from libs.blackjack.configuration import Configuration
from libs.blackjack.outcomes import CODES, Ending, code
from libs.blackjack.reference.blocks import Played
from libs.blackjack.reference.hands import Hand
from libs.blackjack.reference.round import DEALER_ENDS, Round
from libs.blackjack.reference.seat import Seat
from libs.blackjack.tally import CountRow, PlayerTally, SessionTally, TableTally

__all__ = ["TableAccount", "ending"]


def ending(hand: Hand, round_: Round) -> Ending:
    """How a hand ended, in the words of the outcomes."""
    blackjack = round_.dealer_end == "blackjack"
    match hand.ending:
        case "surrendered early":
            return "surrender"
        case "surrendered late":
            return "dealer_blackjack" if blackjack else "surrender"
        case "natural":
            return "natural_push" if blackjack else "natural"
        case "bust":
            return "bust"
    if blackjack:
        return "dealer_blackjack"
    if round_.dealer_end == "bust":
        return "dealer_bust"
    if hand.result == 0:
        return "push"
    return "win" if hand.result > 0 else "loss"


class TableAccount:
    """The sums of one table, block after block."""

    def __init__(self, configuration: Configuration, seats: Sequence[Seat]) -> None:
        self.rounds = 0
        self._dealer: Counter[str] = Counter()
        self._players = [_PlayerAccount(configuration, seat) for seat in seats]
        self._at_start: list[int] = []

    def begin_block(self) -> None:
        self._at_start = self._totals()

    def add(self, played: Played) -> None:
        self.rounds += 1
        self._dealer[played.round.dealer_end] += 1
        for account in self._players:
            if account.seat in played.seats:
                account.add(played.round)

    def end_block(self) -> list[int]:
        """The block's vector: rounds, and net and initial money of each player."""
        for account in self._players:
            account.end_session()
        return [now - before for now, before in zip(self._totals(), self._at_start, strict=True)]

    def tally(self) -> TableTally:
        return TableTally(
            rounds=self.rounds,
            dealer=tuple(self._dealer[end] for end in DEALER_ENDS),
            players=tuple(account.tally() for account in self._players),
        )

    def _totals(self) -> list[int]:
        return [self.rounds, *(amount for account in self._players for amount in (account.net, account.initial))]


class _PlayerAccount:
    def __init__(self, configuration: Configuration, seat: Seat) -> None:
        self.seat = seat
        self.net = 0
        self.initial = 0
        self._wagered = 0
        self._net_squares = 0
        self._results: dict[int, Counter[int]] = {}
        self._wagered_at: Counter[int] = Counter()
        self._outcomes = [0] * CODES
        self._insurance_won = 0
        self._insurance_lost = 0
        self._sessions = _SessionAccount(configuration, seat) if configuration.mode == "sessions" else None

    def add(self, round_: Round) -> None:
        seat = self.seat
        bet = seat.bet // seat.unit
        self.net += seat.result * bet
        self.initial += 20 * bet * seat.initial_hands
        self._wagered += seat.wagered * bet
        self._net_squares += (seat.result * bet) ** 2
        self._results.setdefault(seat.bet_count, Counter())[seat.result] += 1
        self._wagered_at[seat.bet_count] += seat.wagered
        for hand in seat.hands:
            self._outcomes[code(ending(hand, round_), doubled=hand.stake == 2, split=hand.is_split)] += 1
            if hand.insured:
                won = round_.dealer_end == "blackjack"
                self._insurance_won += won
                self._insurance_lost += not won

    def end_session(self) -> None:
        if self._sessions is not None:
            self._sessions.add(self.seat)

    def tally(self) -> PlayerTally:
        return PlayerTally(
            rows=tuple(
                CountRow(
                    count=count,
                    rounds=results.total(),
                    results=dict(sorted(results.items())),
                    wagered=self._wagered_at[count],
                )
                for count, results in sorted(self._results.items())
            ),
            outcomes=tuple(self._outcomes),
            insurance_won=self._insurance_won,
            insurance_lost=self._insurance_lost,
            initial=self.initial,
            wagered=self._wagered,
            net=self.net,
            net_squares=self._net_squares,
            sessions=None if self._sessions is None else self._sessions.tally(),
        )


class _SessionAccount:
    """What became of the bankrolls, in twentieths of the betting unit."""

    def __init__(self, configuration: Configuration, seat: Seat) -> None:
        self._checkpoints = money.checkpoints(configuration.session_rounds)
        self._bins = money.path_bins(configuration, seat.player)
        self._paths = [[0] * money.BINS for _ in self._checkpoints]
        self._sessions = self._ruined = self._goals = self._rounds_to_ruin = 0
        self._final = self._final_squares = 0

    def add(self, seat: Seat) -> None:
        assert seat.bankroll is not None
        self._sessions += 1
        self._goals += seat.left == "with the goal"
        if seat.left == "ruined":
            self._ruined += 1
            self._rounds_to_ruin += len(seat.path)
        final = seat.bankroll // seat.unit
        self._final += final
        self._final_squares += final**2
        for path, rounds in zip(self._paths, self._checkpoints, strict=True):
            then = seat.path[rounds - 1] if rounds <= len(seat.path) else seat.bankroll
            path[self._bins.bin(then // seat.unit)] += 1

    def tally(self) -> SessionTally:
        return SessionTally(
            sessions=self._sessions,
            ruined=self._ruined,
            goals=self._goals,
            rounds_to_ruin=self._rounds_to_ruin,
            checkpoints=self._checkpoints,
            bankroll_low=self._bins.low,
            bankroll_span=self._bins.width * money.BINS,
            paths=tuple(tuple(path) for path in self._paths),
            final=self._final,
            final_squares=self._final_squares,
        )
