"""The expected value of a round from a freshly shuffled shoe, computed card by card: a proof for every number of decks.

Here a card that is gone changes what comes next, so that every composition of the player's hand is looked at with all that the dealer may
draw against it. Splitting is left out (two hands of one shoe depend on each other): the rules must forbid it. In floating point, to about
1e-12; numpy is needed.
"""

from __future__ import annotations

from collections import Counter
from functools import cache

import numpy as np
import numpy.typing as npt

from libs.blackjack.configuration import Casino, PlayingStrategy
from libs.blackjack.reference.advice import Advice
from libs.blackjack.reference.hands import total

__all__ = ["value_by_composition", "value_by_total"]

_ACE, _TEN = 1, 10
_RANKS = range(_ACE, _TEN + 1)
_BUST, _BLACKJACK = 5, 6
"""Ends beside 0 to 4, which are 17 to 21."""
_DRAWS_MAX = 17
"""No dealer's hand needs more cards."""
_DOUBLING = {
    "any_two_cards": range(22),
    "hard_8_to_11": range(8, 12),
    "hard_9_to_11": range(9, 12),
    "hard_10_to_11": range(10, 12),
    "none": range(0),
}

Hand = tuple[int, ...]
"""Cards in rising order: their order of coming does not matter."""


def value_by_total(casino: Casino, strategy: PlayingStrategy) -> float:
    """What a hand wins on average, in its bet, without insurance. Raises `ValueError` where splitting is allowed or decks are endless."""
    return _value(casino, Advice(strategy))


def value_by_composition(casino: Casino) -> float:
    """The same for the best that can be done by who looks at every card of the hand."""
    return _value(casino, None)


def _value(casino: Casino, advice: Advice | None) -> float:
    if casino.deck_count == "infinite" or casino.allow_resplit_to_hands != 1:
        raise ValueError("exact values are computed for whole decks and without splits")
    shoe = [4 * casino.deck_count] * 9 + [16 * casino.deck_count]
    cards = sum(shoe)
    return sum(shoe[up - 1] / cards * _Dealt(casino, advice, shoe, up).value() for up in _RANKS)


class _DealerHands:
    """Every way for the dealer to end, from one card: which cards are drawn, in how many orders, and where that leads."""

    def __init__(self, up: int, hits_soft_17: bool) -> None:
        found: Counter[tuple[Hand, int]] = Counter()

        def draw(hand: Hand) -> None:
            points, soft = total(hand)
            if len(hand) == 2 and points == 21:
                found[hand[1:], _BLACKJACK] += 1
            elif points > 21:
                found[tuple(sorted(hand[1:])), _BUST] += 1
            elif points > 17 or (points == 17 and not (soft and hits_soft_17)):
                found[tuple(sorted(hand[1:])), points - 17] += 1
            else:
                for card in _RANKS:
                    draw((*hand, card))

        draw((up,))
        self.ends = np.array([end for _, end in found])
        self.orders = np.array(list(found.values()), dtype=np.float64)
        self.lengths = np.array([len(drawn) for drawn, _ in found])
        self.needs = np.array([[drawn.count(card) for card in _RANKS] for drawn, _ in found])


@cache
def _dealer_hands(up: int, hits_soft_17: bool) -> _DealerHands:
    return _DealerHands(up, hits_soft_17)


@cache
def _falling(cards: int) -> npt.NDArray[np.float64]:
    """`[n, k]`: ways to draw k of n cards one after another."""
    table = np.zeros((cards + 1, _DRAWS_MAX + 1))
    table[:, 0] = 1
    for k in range(_DRAWS_MAX):
        table[:, k + 1] = table[:, k] * np.maximum(np.arange(cards + 1) - k, 0)
    return table


class _Dealt:
    """The dealer's card is on the table. Values are of the part in which play goes on: with a peek, without the dealer's blackjacks.

    That part is not scaled up to 1, so that cards may be drawn as if the hole card were still in the shoe: in whatever order cards are
    turned over, every order is as likely.
    """

    def __init__(self, casino: Casino, advice: Advice | None, shoe: list[int], up: int) -> None:
        self._casino = casino
        self._advice = advice
        self._up = up
        self._left = list(shoe)
        self._left[up - 1] -= 1
        self._hands = _dealer_hands(up, casino.hit_on_soft_17)
        self._peek = casino.dealer_checks_for_blackjack
        self._late = casino.allow_late_surrender and not casino.allow_early_surrender
        self._plays: dict[Hand, float] = {}
        self._stands: dict[Hand, float] = {}

    def value(self) -> float:
        cards = sum(self._left)
        value = 0.0
        for first in _RANKS:
            for second in _RANKS:
                chance = self._left[first - 1] * (self._left[second - 1] - (first == second)) / (cards * (cards - 1))
                if chance:
                    value += chance * self._two_cards((min(first, second), max(first, second)))
        return value

    def _two_cards(self, hand: Hand) -> float:
        blackjack = self._blackjack(hand)
        if total(hand) == (21, True):
            return self._casino.blackjack_payout * (1 - blackjack)
        played = self._first_decision(hand) - (blackjack if self._peek else 0.0)
        if not self._casino.allow_early_surrender:
            return played
        if self._advice is None:
            return max(played, -0.5)
        return -0.5 if self._ask(hand, surrender=True) == "R" else played

    def _first_decision(self, hand: Hand) -> float:
        blackjack = self._blackjack(hand)
        surrendered = -0.5 * (1 - blackjack) - (0.0 if self._peek else blackjack)
        if self._advice is not None:
            match self._ask(hand, surrender=self._late):
                case "S":
                    return self._stand(hand)
                case "D":
                    return 2 * self._hit(hand, then_stand=True)
                case "R":
                    return surrendered
            return self._hit(hand)
        choices = [self._stand(hand), self._hit(hand)]
        if self._may_double(hand):
            choices.append(2 * self._hit(hand, then_stand=True))
        if self._late:
            choices.append(surrendered)
        return max(choices)

    def _play(self, hand: Hand) -> float:
        """Of three cards or more."""
        if total(hand)[0] > 21:
            return -self._played(hand)
        value = self._plays.get(hand)
        if value is None:
            if self._advice is None:
                value = max(self._stand(hand), self._hit(hand))
            else:
                action = self._advice.action(hand, self._up, 0, double=False, split=False, surrender=False)
                value = self._stand(hand) if action == "S" else self._hit(hand)
            self._plays[hand] = value
        return value

    def _hit(self, hand: Hand, *, then_stand: bool = False) -> float:
        after = self._stand_or_bust if then_stand else self._play
        cards = sum(self._left) - len(hand)
        chances = ((card, (self._left[card - 1] - hand.count(card)) / cards) for card in _RANKS)
        return sum(chance * after(tuple(sorted((*hand, card)))) for card, chance in chances if chance > 0)

    def _stand_or_bust(self, hand: Hand) -> float:
        return -self._played(hand) if total(hand)[0] > 21 else self._stand(hand)

    def _stand(self, hand: Hand) -> float:
        value = self._stands.get(hand)
        if value is None:
            ends = self._ends(hand)
            points = total(hand)[0]
            beaten = max(0, min(5, points - 17))
            won = ends[:beaten].sum() + ends[_BUST]
            lost = ends[beaten + (points >= 17) : _BUST].sum() + (0.0 if self._peek else ends[_BLACKJACK])
            value = self._stands[hand] = float(won - lost)
        return value

    def _ends(self, hand: Hand) -> npt.NDArray[np.float64]:
        """How likely the dealer ends where, as seen before the hole card is known."""
        left = np.array([self._left[card - 1] - hand.count(card) for card in _RANKS])
        ways = _falling(int(left.max()))[left, self._hands.needs].prod(axis=1)
        chances = self._hands.orders * ways / _falling(int(left.sum()))[left.sum(), self._hands.lengths]
        return np.bincount(self._hands.ends, weights=chances, minlength=7).astype(np.float64)

    def _blackjack(self, hand: Hand) -> float:
        """How likely the dealer has blackjack."""
        other = {_ACE: _TEN, _TEN: _ACE}.get(self._up)
        if other is None:
            return 0.0
        return (self._left[other - 1] - hand.count(other)) / (sum(self._left) - len(hand))

    def _played(self, hand: Hand) -> float:
        """The share in which the hand is played on: a bust costs as much."""
        return 1 - self._blackjack(hand) if self._peek else 1.0

    def _may_double(self, hand: Hand) -> bool:
        points, soft = total(hand)
        restrictions = self._casino.double_down_restrictions
        return restrictions == "any_two_cards" or (not soft and points in _DOUBLING[restrictions])

    def _ask(self, hand: Hand, *, surrender: bool) -> str:
        assert self._advice is not None
        return self._advice.action(hand, self._up, 0, double=self._may_double(hand), split=False, surrender=surrender)
