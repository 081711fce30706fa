"""What is played, with nothing left open: the form that everything a user may write is normalised to.

Amounts are money with at most two decimals; counts are true (or running) counts. `libs.blackjack.profiles` makes these from what
users write and checks them; whoever builds one by hand keeps to the same limits.
"""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = [
    "RANKS",
    "Action",
    "BettingStrategy",
    "Casino",
    "Configuration",
    "CountingSystem",
    "IndexPlay",
    "Player",
    "PlayingStrategy",
    "RampStep",
    "Rank",
    "Row",
    "TableName",
]

Rank = Literal["2", "3", "4", "5", "6", "7", "8", "9", "10", "A"]
RANKS: tuple[Rank, ...] = Rank.__args__  # type: ignore[attr-defined]

Action = Literal["H", "S", "D", "P", "R", "u"]
"""Hit, stand, double, split, surrender (else hit), surrender (else stand; in `pairs` both surrenders fall back to a split)."""

TableName = Literal["hard", "soft", "pairs"]
Row = dict[Rank, Action]
"""What to do against each of the dealer's cards."""


class _Value(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Casino(_Value, frozen=True, kw_only=True):
    """The rules of the table. Names as users' files have them."""

    name: str = ""
    deck_count: int | Literal["infinite"] = 6
    """1 to 8 decks of 52 cards; `infinite`: every card is drawn from a full deck."""
    shuffle: Literal["cut_card", "every_round", "continuous"] = "cut_card"
    """`cut_card`: the round in which the cut card shows is the last before a shuffle; `continuous` returns a round's cards before the next one."""
    reshuffle_penetration: float = 0.75
    """Share of the shoe in front of the cut card, above 0 and below 1; counts where `shuffle` is `cut_card`."""
    blackjack_payout: float = 1.5
    """1.5 is 3:2, 1.2 is 6:5, 1 is even money; a multiple of 0.05 from 1 to 3."""
    hit_on_soft_17: bool = False
    dealer_checks_for_blackjack: bool = True
    """The dealer peeks under an ace or a ten; else there is no hole card, and a dealer's blackjack takes doubles and splits too."""
    DAS: bool = True
    """Doubling after a split."""
    double_down_restrictions: Literal["any_two_cards", "hard_8_to_11", "hard_9_to_11", "hard_10_to_11", "none"] = (
        "any_two_cards"
    )
    """On which first two cards doubling is allowed, also after a split; `none` allows it on no cards."""
    allow_resplit_to_hands: int = 4
    """The most hands that splitting may make of one; 1 forbids splitting."""
    allow_resplit_aces: bool = False
    hit_split_aces: bool = False
    """Split aces are played like other hands, doubling included where `DAS`; else each gets one card."""
    allow_late_surrender: bool = False
    allow_early_surrender: bool = False
    """Before the dealer looks for blackjack, against any card."""
    offer_insurance: bool = True


class IndexPlay(_Value, frozen=True, kw_only=True):
    """A departure from the table at a count: `action` where the count is at or above `index` (or, with `below`, under it)."""

    table: TableName
    row: str
    dealer: Rank
    index: int
    action: Action
    below: bool = False


class PlayingStrategy(_Value, frozen=True, kw_only=True):
    """What to do with every hand. A hard total under 8 is hit, one over 21 is never asked."""

    name: str = ""
    hard: dict[str, Row]
    """Rows `8` to `21`."""
    soft: dict[str, Row]
    """Rows `13` to `21`."""
    pairs: dict[str, Row]
    """Rows `A,A`, `10,10`, `9,9` to `2,2`. An action that is not allowed falls back to the total's row."""
    index_plays: tuple[IndexPlay, ...] = ()
    """Of two for the same cell that both apply at a count, the later one counts."""
    insurance_index: int | None = None
    """Insurance is taken at or above this count; null: never."""


class CountingSystem(_Value, frozen=True, kw_only=True):
    """How cards are counted. Values are multiples of 0.25 from -4 to 4."""

    name: str = ""
    count_values: dict[Rank, float]
    true_count_method: Literal["floor", "truncate", "round"] = "floor"
    """How a count becomes a whole number; `round` takes halves away from zero."""
    deck_estimation: Literal["exact", "half", "full"] = "exact"
    """What the running count is divided by: the unseen decks, to the card or rounded to the next half or full deck, at least one such unit."""
    decision_count_type: Literal["true", "running"] = "true"
    """Which count bets and index plays go by."""
    initial_running_count: float = 0.0

    @property
    def counts(self) -> bool:
        """Whether there is anything to count."""
        return any(self.count_values.values()) or bool(self.initial_running_count)


class RampStep(_Value, frozen=True, kw_only=True):
    """From this count upwards (null: below every other step), so much on each hand."""

    from_count: int | None
    bet: float


class BettingStrategy(_Value, frozen=True, kw_only=True):
    """What to bet. Steps rise by `from_count`; the first has none, so that every count is covered. A bet of 0 sits the round out: the hand is
    played for nothing."""

    name: str = ""
    min_bet: float = 1.0
    """The unit that results are given in, too."""
    bet_ramp: tuple[RampStep, ...]
    num_hands: int = 1
    """Hands played at once, 1 to 3, each with the bet of the count."""


class Player(_Value, frozen=True, kw_only=True):
    """Who sits at the table; the first of several acts first."""

    name: str
    bankroll: float = 1000.0
    playing_strategy: PlayingStrategy
    betting_strategy: BettingStrategy
    counting_strategy: CountingSystem


class Configuration(_Value, frozen=True, kw_only=True):
    """A table with its players: 1 to 7 hands in all."""

    casino: Casino
    players: tuple[Player, ...]
    mode: Literal["ev", "sessions"] = "ev"
    """`ev`: endless bankroll. `sessions`: every player starts each session with their bankroll and leaves when it is lost."""
    session_rounds: int = 1000
    """The length of a session, where nobody leaves before; counts in mode `sessions`."""
    win_goal: float | None = None
    """A player leaves a session with a bankroll of this or more; null: never. Counts in mode `sessions`."""
