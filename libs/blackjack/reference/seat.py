"""A player at the table: the count in their head, the strategy they follow, the money they may still put down.

Money is in twentieths of a cent, so that half a bet and every payout are whole numbers.
"""

from __future__ import annotations

from math import gcd
from typing import TYPE_CHECKING, Literal

from libs.blackjack.configuration import BettingStrategy, Casino, Player
from libs.blackjack.reference.advice import Advice
from libs.blackjack.reference.counting import Count
from libs.blackjack.reference.hands import Hand

if TYPE_CHECKING:
    from libs.blackjack.reference.round import Round

__all__ = ["Seat", "betting_unit", "cents"]


def cents(amount: float) -> int:
    return round(amount * 100)


def betting_unit(betting: BettingStrategy) -> int:
    """In cents: the greatest amount that the least bet and all the ramp's bets are multiples of."""
    return gcd(cents(betting.min_bet), *(cents(step.bet) for step in betting.bet_ramp)) or 100


class Seat:
    """One player. Without a bankroll they can always pay."""

    def __init__(self, player: Player, casino: Casino) -> None:
        self.player = player
        self.advice = Advice(player.playing_strategy)
        self.count = Count(player.counting_strategy, endless=casino.deck_count == "infinite")
        self.unit = betting_unit(player.betting_strategy)
        self.hands: list[Hand] = []
        self.bet = 0
        """On each hand of this round, in cents."""
        self.bet_count = 0
        """The count it was bet at."""
        self.result = 0
        """Of the round over all hands, with insurance, in twentieths of the bet on one hand."""
        self.wagered = 0
        """Bets, doubles, splits and insurance, in the same."""
        self.bankroll: int | None = None
        self.path: list[int] = []
        """The bankroll after each round of the session."""
        self.left: Literal["ruined", "with the goal"] | None = None
        self._goal: int | None = None
        self._purse = 0
        self._least = cents(player.betting_strategy.min_bet)
        self._ramp = [(step.from_count, cents(step.bet)) for step in player.betting_strategy.bet_ramp]
        self.initial_hands = player.betting_strategy.num_hands

    def sit_down(self, win_goal: float | None) -> None:
        """Begin a session."""
        self.bankroll = 20 * cents(self.player.bankroll)
        self.path = []
        self.left = None
        self._goal = None if win_goal is None else 20 * cents(win_goal)

    def place_bets(self, unseen: int) -> bool:
        """Bet on the next round; false where the player leaves instead, with the goal or with less than the least bet for every hand."""
        self.bet_count = self.count.whole(unseen)
        self.bet = self._wanted()
        if self.bankroll is not None:
            if self._goal is not None and self.bankroll >= self._goal:
                self.left = "with the goal"
                return False
            covered = self.bankroll // (20 * self.unit * self.initial_hands) * self.unit
            if self.bet > covered:
                self.bet = covered
                if self.bet < self._least:
                    self.left = "ruined"
                    return False
            self._purse = self.bankroll - 20 * self.bet * self.initial_hands
        self.hands = [Hand([], []) for _ in range(self.initial_hands)]
        return True

    def can_pay(self, twentieths: int) -> bool:
        """Whether what is left after everything on the table covers so many twentieths of the bet."""
        return self.bankroll is None or self._purse >= twentieths * self.bet

    def pay(self, twentieths: int) -> bool:
        """Put so many twentieths of the bet on the table, where they can be covered in full."""
        if not self.can_pay(twentieths):
            return False
        self._purse -= twentieths * self.bet
        return True

    def settle(self, round_: Round) -> None:
        """Take what the round came to."""
        self.result = sum(hand.result + round_.insurance_result(hand) for hand in self.hands)
        self.wagered = sum(20 * hand.stake + (10 if hand.insured else 0) for hand in self.hands)
        if self.bankroll is not None:
            self.bankroll += self.result * self.bet
            self.path.append(self.bankroll)

    def _wanted(self) -> int:
        """The bet of the last step of the ramp that the count has reached."""
        bet = 0
        for from_count, step in self._ramp:
            if from_count is None or self.bet_count >= from_count:
                bet = step
        return bet
