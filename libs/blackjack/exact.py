"""The expected value of play with endless decks, computed and not simulated: a proof for every rule and every table.

With endless decks each card is independent of all others, so that a hand's future depends on its total and the dealer's card alone, and the
hands of a split differ only in how many may still be made. All of it is a finite recursion over fractions, without rounding.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import cache

from libs.blackjack.configuration import Casino, PlayingStrategy
from libs.blackjack.reference.advice import Advice
from libs.blackjack.reference.hands import is_pair, total

__all__ = ["BLACKJACK", "BUST", "dealer_ends", "expected_value"]

BUST, BLACKJACK = 22, 23
"""Ends of the dealer beside 17 to 21."""

_ACE, _TEN = 1, 10
_HALF = Fraction(1, 2)
_DOUBLING = {
    "any_two_cards": range(22),
    "hard_8_to_11": range(8, 12),
    "hard_9_to_11": range(9, 12),
    "hard_10_to_11": range(10, 12),
    "none": range(0),
}


def expected_value(casino: Casino, strategy: PlayingStrategy) -> Fraction:
    """What a hand wins on average, in its bet, where every card is drawn from a full deck and nothing is counted.

    `casino.deck_count`, shuffling and penetration are not looked at. Insurance is taken where the strategy's index is at most 0.
    """
    return sum((chance * _Dealt(casino, strategy, up).value() for up, chance in _draws()), Fraction(0))


def dealer_ends(up: int, *, hits_soft_17: bool) -> dict[int, Fraction]:
    """How likely the dealer ends at 17 to 21, `BUST` or `BLACKJACK`, from one card."""
    ends: dict[int, Fraction] = {}
    for card, chance in _draws():
        two_cards = total((up, card))
        after = {BLACKJACK: Fraction(1)} if two_cards == (21, True) else _drawn_out(*two_cards, hits_soft_17)
        for end, share in after.items():
            ends[end] = ends.get(end, Fraction(0)) + chance * share
    return ends


def _draws() -> Iterator[tuple[int, Fraction]]:
    for card in range(_ACE, _TEN):
        yield card, Fraction(1, 13)
    yield _TEN, Fraction(4, 13)


def _add(points: int, soft: bool, card: int) -> tuple[int, bool]:
    """The best total after one card more; above 21 is bust."""
    hard = points - 10 * soft + card
    return (hard + 10, True) if (soft or card == _ACE) and hard <= 11 else (hard, False)


@cache
def _drawn_out(points: int, soft: bool, hits_soft_17: bool) -> dict[int, Fraction]:
    if points > 21:
        return {BUST: Fraction(1)}
    if points > 17 or (points == 17 and not (soft and hits_soft_17)):
        return {points: Fraction(1)}
    ends: dict[int, Fraction] = {}
    for card, chance in _draws():
        for end, share in _drawn_out(*_add(points, soft, card), hits_soft_17).items():
            ends[end] = ends.get(end, Fraction(0)) + chance * share
    return ends


class _Dealt:
    """The dealer's card is on the table; values are expectations in a hand's bet."""

    def __init__(self, casino: Casino, strategy: PlayingStrategy, up: int) -> None:
        self._casino = casino
        self._advice = Advice(strategy)
        self._up = up
        self._ends = dealer_ends(up, hits_soft_17=casino.hit_on_soft_17)
        self._blackjack = self._ends.get(BLACKJACK, Fraction(0))
        self._late = casino.allow_late_surrender and not casino.allow_early_surrender
        self._stands: dict[int, Fraction] = {}
        self._plays: dict[tuple[int, bool], Fraction] = {}
        self._splits: dict[tuple[int, int, int], Fraction] = {}
        if casino.dealer_checks_for_blackjack:
            # Whoever plays knows that there is none.
            self._ends = {end: p / (1 - self._blackjack) for end, p in self._ends.items() if end != BLACKJACK}

    def value(self) -> Fraction:
        """Of a hand, with its insurance."""
        hand = sum(
            (first_chance * second_chance * self._two_cards((first, second)))
            for first, first_chance in _draws()
            for second, second_chance in _draws()
        )
        if self._casino.offer_insurance and self._up == _ACE and self._advice.insures(0):
            return hand + _HALF * (2 * self._blackjack - (1 - self._blackjack))
        return Fraction(hand)

    def _two_cards(self, cards: tuple[int, int]) -> Fraction:
        if total(cards) == (21, True):
            return Fraction(round(20 * self._casino.blackjack_payout), 20) * (1 - self._blackjack)
        if self._casino.allow_early_surrender and self._ask(cards, hands=1, surrender=True) == "R":
            return -_HALF
        if not self._casino.dealer_checks_for_blackjack:
            return self._play_two(cards, hands=1)
        return -self._blackjack + (1 - self._blackjack) * self._play_two(cards, hands=1)

    def _play_two(self, cards: tuple[int, int], hands: int) -> Fraction:
        """Of the first decision on two cards, where splitting has made so many hands of the first two; a split excluded after the first."""
        points, soft = total(cards)
        match self._ask(cards, hands, surrender=self._late and hands == 1):
            case "S":
                return self._stand(points)
            case "R":
                lost = Fraction(0) if self._casino.dealer_checks_for_blackjack else self._blackjack
                return -_HALF * (1 - lost) - lost
            case "D":
                return 2 * self._draw(points, soft, then_stand=True)
            case "P":
                return self._split(cards[0], hands=2, to_play=2)
        return self._draw(points, soft, then_stand=False)

    def _play(self, points: int, soft: bool) -> Fraction:
        """Of three cards or more."""
        if points > 21:
            return Fraction(-1)
        value = self._plays.get((points, soft))
        if value is None:
            # Any three cards that come to the total stand for all: a strategy looks at nothing else.
            cards = (_ACE, _ACE, points - 12) if soft else (2, 2, points - 4)
            action = self._advice.action(cards, self._up, 0, double=False, split=False, surrender=False)
            value = self._stand(points) if action == "S" else self._draw(points, soft, then_stand=False)
            self._plays[points, soft] = value
        return value

    def _draw(self, points: int, soft: bool, *, then_stand: bool) -> Fraction:
        after = self._stand_or_bust if then_stand else self._play
        return sum((chance * after(*_add(points, soft, card)) for card, chance in _draws()), Fraction(0))

    def _stand_or_bust(self, points: int, _soft: bool) -> Fraction:
        return Fraction(-1) if points > 21 else self._stand(points)

    def _stand(self, points: int) -> Fraction:
        if points not in self._stands:
            won = sum(chance for end, chance in self._ends.items() if end == BUST or end < points)
            lost = sum(chance for end, chance in self._ends.items() if end == BLACKJACK or points < end <= 21)
            self._stands[points] = Fraction(won - lost)
        return self._stands[points]

    def _split(self, card: int, hands: int, to_play: int) -> Fraction:
        """Of so many split hands of one card each that are still to be played, where there are so many hands in all."""
        if to_play == 0:
            return Fraction(0)
        key = (card, hands, to_play)
        if key not in self._splits:
            self._splits[key] = sum(
                (chance * self._split_hand((card, second), hands, to_play) for second, chance in _draws()), Fraction(0)
            )
        return self._splits[key]

    def _split_hand(self, cards: tuple[int, int], hands: int, to_play: int) -> Fraction:
        if is_pair(cards) and self._ask(cards, hands, surrender=False) == "P":
            return self._split(cards[0], hands + 1, to_play + 1)
        one_card_only = cards[0] == _ACE and not self._casino.hit_split_aces
        value = self._stand(total(cards)[0]) if one_card_only else self._play_two(cards, hands)
        return value + self._split(cards[0], hands, to_play - 1)

    def _ask(self, cards: tuple[int, int], hands: int, *, surrender: bool) -> str:
        points, soft = total(cards)
        anything = self._casino.double_down_restrictions == "any_two_cards"
        return self._advice.action(
            cards,
            self._up,
            0,
            double=(hands == 1 or self._casino.DAS)
            and (anything or (not soft and points in _DOUBLING[self._casino.double_down_restrictions])),
            split=is_pair(cards)
            and hands < self._casino.allow_resplit_to_hands
            and (hands == 1 or cards[0] != _ACE or self._casino.allow_resplit_aces),
            surrender=surrender,
        )
