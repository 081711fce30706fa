"""Counting cards: a running count in quarters, and the whole count that bets and plays go by."""

from __future__ import annotations

from libs.blackjack.configuration import CountingSystem

__all__ = ["COUNT_MAX", "Count"]

COUNT_MAX = 12
"""Counts beyond it, on either side, are taken for it."""


class Count:
    """One player's count. Exact: a count is a fraction of whole numbers until it is rounded, once."""

    def __init__(self, system: CountingSystem, *, endless: bool) -> None:
        values = system.count_values
        self._quarters = [0, round(4 * values["A"]), *(round(4 * values[str(rank)]) for rank in range(2, 11))]  # type: ignore[index]
        self._initial = round(4 * system.initial_running_count)
        self._system = system
        self.counts = system.counts and not endless
        """Whether there is anything to count; else the count is always 0."""
        self._running = self._initial

    def shuffle(self) -> None:
        self._running = self._initial

    def see(self, card: int) -> None:
        self._running += self._quarters[card]

    def whole(self, unseen: int) -> int:
        """The count with so many cards unseen, -12 to 12."""
        if not self.counts:
            return 0
        numerator, denominator = self._running, 4
        if self._system.decision_count_type == "true":
            match self._system.deck_estimation:
                case "exact":
                    numerator, denominator = numerator * 52, denominator * unseen
                case "half":
                    half_decks = max(1, (2 * unseen + 26) // 52)
                    numerator, denominator = numerator * 2, denominator * half_decks
                case "full":
                    denominator *= max(1, (unseen + 26) // 52)
        match self._system.true_count_method:
            case "floor":
                count = numerator // denominator
            case "truncate":
                count = _with_sign(abs(numerator) // denominator, numerator)
            case "round":
                count = _with_sign((2 * abs(numerator) + denominator) // (2 * denominator), numerator)
        return max(-COUNT_MAX, min(COUNT_MAX, count))


def _with_sign(size: int, of: int) -> int:
    return -size if of < 0 else size
