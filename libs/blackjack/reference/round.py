"""One round, from the first card to the last: told in the order in which it happens at a table.

Results are in twentieths of a hand's bet, so that every payout is a whole number.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from libs.blackjack.configuration import Casino
from libs.blackjack.reference.cards import Cards
from libs.blackjack.reference.hands import Hand, is_pair, total
from libs.blackjack.reference.seat import Seat

__all__ = ["BET", "DEALER_ENDS", "INSURANCE", "DealerEnd", "Round"]

DealerEnd = Literal["17", "18", "19", "20", "21", "bust", "blackjack", "not played"]
DEALER_ENDS: tuple[DealerEnd, ...] = DealerEnd.__args__  # type: ignore[attr-defined]

BET = 20
"""A hand's bet, in twentieths of it."""
INSURANCE = BET // 2
_RESTRICTIONS = {
    "any_two_cards": None,
    "hard_8_to_11": range(8, 12),
    "hard_9_to_11": range(9, 12),
    "hard_10_to_11": range(10, 12),
    "none": (),
}


class Round:
    """A round at a table. Make it, then `play()` it; then `dealer`, `dealer_end` and the seats' hands tell what happened."""

    def __init__(self, casino: Casino, seats: Sequence[Seat], cards: Cards) -> None:
        self._casino = casino
        self._seats = seats
        self._cards = cards
        self._counts = [seat.count for seat in seats if seat.count.counts]
        self._hole: int | None = None
        self._doubling = _RESTRICTIONS[casino.double_down_restrictions]
        self.dealer: list[int] = []
        """The dealer's cards that were seen."""
        self.dealer_end: DealerEnd = "not played"

    def play(self) -> None:
        self._deal()
        self._offer_insurance()
        if self._casino.allow_early_surrender:
            self._offer_early_surrender()
        if self._dealer_has_peeked_blackjack():
            self._turn_hole()
            self.dealer_end = "blackjack"
        else:
            for seat in self._seats:
                for hand in list(seat.hands):
                    if hand.ending == "stood":
                        self._play_hand(seat, hand)
            self._finish_dealer()
        for seat in self._seats:
            for hand in seat.hands:
                hand.result = self._result(hand)

    # The deal

    def _deal(self) -> None:
        self._cards.begin_round()
        hands = [hand for seat in self._seats for hand in seat.hands]
        for hand in hands:
            hand.cards.append(self._show())
        self.dealer.append(self._show())
        for hand in hands:
            hand.cards.append(self._show())
            if hand.is_natural:
                hand.ending = "natural"
        if self._casino.dealer_checks_for_blackjack:
            self._hole = self._cards.deal()

    def _show(self) -> int:
        card = self._cards.deal()
        for count in self._counts:
            count.see(card)
        return card

    def _turn_hole(self) -> None:
        assert self._hole is not None
        for count in self._counts:
            count.see(self._hole)
        self.dealer.append(self._hole)

    # Before anybody plays

    def _offer_insurance(self) -> None:
        if not self._casino.offer_insurance or self.dealer[0] != 1:
            return
        for seat in self._seats:
            if seat.advice.insures(self._count_of(seat)):
                for hand in seat.hands:
                    hand.insured = seat.pay(INSURANCE)

    def _offer_early_surrender(self) -> None:
        for seat in self._seats:
            for hand in seat.hands:
                if hand.ending == "stood" and self._ask(seat, hand, surrender=True) == "R":
                    hand.ending = "surrendered early"
                    hand.decisions.append("R")

    def _dealer_has_peeked_blackjack(self) -> bool:
        return self._hole is not None and total([self.dealer[0], self._hole]) == (21, True)

    # The players

    def _play_hand(self, seat: Seat, hand: Hand) -> None:
        late = self._casino.allow_late_surrender and not self._casino.allow_early_surrender
        while True:
            action = self._ask(seat, hand, surrender=late and len(hand.cards) == 2 and not hand.is_split)
            hand.decisions.append(action)
            match action:
                case "S":
                    return
                case "R":
                    hand.ending = "surrendered late"
                    return
                case "P":
                    self._split(seat, hand)
                    return
                case "D":
                    seat.pay(BET)
                    hand.stake = 2
            hand.cards.append(self._show())
            if total(hand.cards)[0] > 21:
                hand.ending = "bust"
                return
            if action == "D":
                return

    def _split(self, seat: Seat, hand: Hand) -> None:
        seat.pay(BET)
        other = Hand([hand.cards.pop()], hand.family)
        seat.hands.insert(seat.hands.index(hand) + 1, other)
        for half in (hand, other):
            half.cards.append(self._show())
            if half.cards[0] == 1 and not self._casino.hit_split_aces:
                self._leave_or_resplit_ace(seat, half)
            else:
                self._play_hand(seat, half)

    def _leave_or_resplit_ace(self, seat: Seat, hand: Hand) -> None:
        """A split ace gets one card, whatever it is; only a second ace may be split again."""
        if is_pair(hand.cards) and self._ask(seat, hand, surrender=False) == "P":
            hand.decisions.append("P")
            self._split(seat, hand)

    def _ask(self, seat: Seat, hand: Hand, *, surrender: bool) -> str:
        return seat.advice.action(
            hand.cards,
            self.dealer[0],
            self._count_of(seat),
            double=self._may_double(seat, hand),
            split=self._may_split(seat, hand),
            surrender=surrender,
        )

    def _may_double(self, seat: Seat, hand: Hand) -> bool:
        if len(hand.cards) != 2 or (hand.is_split and not self._casino.DAS):
            return False
        points, soft = total(hand.cards)
        return (self._doubling is None or (not soft and points in self._doubling)) and seat.can_pay(BET)

    def _may_split(self, seat: Seat, hand: Hand) -> bool:
        if not is_pair(hand.cards) or len(hand.family) >= self._casino.allow_resplit_to_hands:
            return False
        if hand.is_split and hand.cards[0] == 1 and not self._casino.allow_resplit_aces:
            return False
        return seat.can_pay(BET)

    def _count_of(self, seat: Seat) -> int:
        return seat.count.whole(self._cards.unseen())

    # The dealer

    def _finish_dealer(self) -> None:
        hands = [hand for seat in self._seats for hand in seat.hands]
        plays = any(hand.ending == "stood" for hand in hands)
        if self._hole is not None:
            self._turn_hole()
        elif plays or (self.dealer[0] in (1, 10) and any(_waits_for_blackjack(hand) for hand in hands)):
            self.dealer.append(self._show())
            if total(self.dealer) == (21, True):
                self.dealer_end = "blackjack"
                return
        if not plays:
            return
        while self._dealer_draws():
            self.dealer.append(self._show())
        points, _ = total(self.dealer)
        self.dealer_end = DEALER_ENDS[points - 17] if points <= 21 else "bust"

    def _dealer_draws(self) -> bool:
        points, soft = total(self.dealer)
        return points < 17 or (points == 17 and soft and self._casino.hit_on_soft_17)

    # The result

    def _result(self, hand: Hand) -> int:
        wagered = BET * hand.stake
        blackjack = self.dealer_end == "blackjack"
        match hand.ending:
            case "surrendered early":
                return -BET // 2
            case "surrendered late":
                return -BET if blackjack else -BET // 2
            case "natural":
                return 0 if blackjack else round(BET * self._casino.blackjack_payout)
            case "bust":
                return -wagered
        if blackjack:
            return -wagered
        if self.dealer_end == "bust":
            return wagered
        mine, _ = total(hand.cards)
        theirs, _ = total(self.dealer)
        return wagered if mine > theirs else -wagered if mine < theirs else 0

    def insurance_result(self, hand: Hand) -> int:
        """What a hand's insurance came to, in twentieths of the hand's bet."""
        if not hand.insured:
            return 0
        return 2 * INSURANCE if self.dealer_end == "blackjack" else -INSURANCE


def _waits_for_blackjack(hand: Hand) -> bool:
    """Whether a hand that does not play on is still settled by the dealer's second card."""
    return hand.ending in ("natural", "surrendered late") or hand.insured
