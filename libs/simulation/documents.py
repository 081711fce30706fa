"""The documents that finished jobs hand out: JSON with numbers that a person can check, null where a number is not defined.

EV is per initial bet; money is in the currency of the player's bets. `docs/explanation/simulation-numbers.md` has the formula and the
source of every number.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from libs.blackjack.configuration import Configuration

__all__ = [
    "CellResult",
    "ComparisonResult",
    "Convergence",
    "CountResult",
    "DealerOutcomes",
    "Difference",
    "Estimate",
    "FanPoint",
    "HistogramBin",
    "HistoryHand",
    "HistoryRound",
    "NoteShown",
    "PlayerNumbers",
    "PlayerResult",
    "SessionsResult",
    "SimulationResult",
    "Stopped",
    "SweepAxis",
    "SweepResult",
]

Stopped = Literal["rounds", "target", "by_hand", "blocks"]
"""Why a run ended: the rounds asked for, the standard error asked for, a person's `stop`, or exactly the blocks asked for."""


class _Document(msgspec.Struct, frozen=True, kw_only=True):
    pass


class NoteShown(_Document, frozen=True, kw_only=True):
    """How something in the request was understood."""

    pointer: str
    detail: str


class Estimate(_Document, frozen=True, kw_only=True):
    """What is known so far. `interval` holds the true value in 95 of 100 cases; null with fewer than two blocks."""

    ev: float | None
    standard_error: float | None
    interval: tuple[float, float] | None
    rounds: int


class Convergence(_Document, frozen=True, kw_only=True):
    """What was known after so many rounds, each player in turn."""

    rounds: int
    players: tuple[Estimate, ...]


class CountResult(_Document, frozen=True, kw_only=True):
    """A player's rounds that were bet at one count. The units are exact, in twentieths of one hand's bet, summed over all hands of a
    round: what another ramp is priced from."""

    count: int
    rounds: int
    share: float
    bet: float
    """On each hand, as the ramp says."""
    ev: float | None
    standard_error: float | None
    """As if rounds were independent of each other, which they are but for the cards that shoes have in common."""
    interval: tuple[float, float] | None
    sd: float | None
    """Of a round's result, in bets of one hand."""
    kelly_fraction: float | None
    """The share of a bankroll on each hand that makes it grow fastest; 0 where the count is not won."""
    units_net: int
    units_squares: int
    units_wagered: int


class HistogramBin(_Document, frozen=True, kw_only=True):
    """Rounds with one result, in bets of one hand."""

    result: float
    rounds: int
    share: float


class FanPoint(_Document, frozen=True, kw_only=True):
    """Bankrolls of all sessions after so many rounds: 5 %, 25 %, 50 %, 75 % and 95 % of the sessions have this or less. `open` names
    the quantiles that lie beyond the histogram's span: they are given as the edge that they lie beyond."""

    rounds: int
    q05: float
    q25: float
    q50: float
    q75: float
    q95: float
    open: tuple[str, ...] = ()


class HistoryHand(_Document, frozen=True, kw_only=True):
    """One hand at its end; a split makes two of one. Amounts are money."""

    cards: tuple[str, ...]
    decisions: tuple[str, ...]
    bet: float
    insurance: float
    outcome: str
    net: float


class HistoryRound(_Document, frozen=True, kw_only=True):
    """One round of one player, card by card; `count` and `bet` (on each hand) are those of the start."""

    block: int
    shoe: int
    round: int
    dealer: tuple[str, ...]
    dealer_end: str
    count: int
    bet: float
    hands: tuple[HistoryHand, ...]
    net: float
    bankroll: float | None = None


class SessionsResult(_Document, frozen=True, kw_only=True):
    """What became of the bankrolls that sessions began with."""

    sessions: int
    ruined: int
    ruin_share: float | None
    ruin_interval: tuple[float, float] | None
    goals: int
    goal_share: float | None
    goal_interval: tuple[float, float] | None
    mean_rounds_to_ruin: float | None
    final_mean: float | None
    final_standard_error: float | None
    final_sd: float | None
    fan: tuple[FanPoint, ...]


class PlayerNumbers(_Document, frozen=True, kw_only=True):
    """The numbers of a player by which games are compared."""

    name: str
    ev: float | None
    """Net result over initial bets."""
    standard_error: float | None
    interval: tuple[float, float] | None
    rounds: int
    average_bet: float | None
    """Initial bets of a round, all hands together."""
    win_rate_per_100: float | None
    win_rate_standard_error: float | None
    sd_per_round: float | None
    sd_per_100: float | None
    sd_per_100_blocks: float | None
    """Taken from whole blocks, so that what the rounds of a shoe have in common is in it."""
    score: float | None
    di: float | None
    n0: float | None
    risk_of_ruin: float | None
    player_edge: float | None
    """Net result over everything wagered."""
    ruin_share: float | None = None
    """Of sessions, where there are any."""


class PlayerResult(PlayerNumbers, frozen=True, kw_only=True):
    """All about one player."""

    initial_bankroll: float
    final_bankroll: float | None
    """Mode `ev`: the initial bankroll and all that was won, below 0 if need be. Mode `sessions`: the mean over sessions."""
    net_gain_loss: float
    initial_bets: float
    total_wagered: float
    betting_unit: float
    """The greatest amount that all bets are multiples of."""
    hands_per_round: int
    strategies: dict[str, str]
    """Names of the playing, betting and counting strategy."""
    outcomes: dict[str, int]
    by_count: tuple[CountResult, ...]
    histogram: tuple[HistogramBin, ...]
    sessions: SessionsResult | None = None
    hand_history: tuple[HistoryRound, ...] | None = None
    """The first rounds that the player was dealt in, where it was asked for."""


class DealerOutcomes(_Document, frozen=True, kw_only=True):
    """Rounds by how the dealer's hand ended."""

    seventeen: int
    eighteen: int
    nineteen: int
    twenty: int
    twenty_one: int
    bust: int
    blackjack: int
    not_played: int


class _Run(_Document, frozen=True, kw_only=True):
    """What it takes to get the same digest again."""

    engine_version: str
    digest: str
    configuration_hash: str
    seed: int
    first_block: int = 0
    blocks: int
    rounds: int
    stopped: Stopped
    seconds: float
    rounds_per_second: float | None
    notes: tuple[NoteShown, ...] = ()


class SimulationResult(_Run, frozen=True, kw_only=True):
    """One table."""

    kind: Literal["simulation"] = "simulation"
    configuration: Configuration
    casino: str
    """The rules in one line."""
    players: tuple[PlayerResult, ...]
    dealer: DealerOutcomes
    convergence: tuple[Convergence, ...] = ()


class Difference(_Document, frozen=True, kw_only=True):
    """B less A, for the player in one place of both tables, on the same cards."""

    player: int
    name: str
    ev_difference: float | None
    standard_error: float | None
    interval: tuple[float, float] | None
    correlation: float | None
    """Of the two estimates; the closer to 1, the more the common cards helped."""
    variance_ratio: float | None
    """How many times as many rounds would be needed with different cards for A and B; null where the difference never varies."""
    win_rate_difference: float | None
    """Money per 100 rounds."""
    win_rate_standard_error: float | None
    win_rate_interval: tuple[float, float] | None


class ComparisonResult(_Run, frozen=True, kw_only=True):
    """Two tables that were dealt the same cards. `rounds` are those of table A."""

    kind: Literal["comparison"] = "comparison"
    rounds_b: int
    configuration_a: Configuration
    configuration_b: Configuration
    casino_a: str
    casino_b: str
    a: tuple[PlayerResult, ...]
    b: tuple[PlayerResult, ...]
    difference: tuple[Difference, ...]
    dealer_a: DealerOutcomes
    dealer_b: DealerOutcomes
    convergence: tuple[Convergence, ...] = ()
    """Of the difference, each pair of players in turn."""


class SweepAxis(_Document, frozen=True, kw_only=True):
    path: str
    label: str
    values: tuple[str, ...]


class CellResult(_Document, frozen=True, kw_only=True):
    """One cell of a sweep. `players` is null where its job has no result; `error` says why."""

    labels: tuple[str, ...]
    job_id: str | None
    status: str
    players: tuple[PlayerNumbers, ...] | None = None
    rounds: int | None = None
    digest: str | None = None
    configuration_hash: str | None = None
    error: str | None = None


class SweepResult(_Document, frozen=True, kw_only=True):
    """One table of all cells, row by row of the axes. `best` is the cell with the highest EV of the first player, null for none."""

    kind: Literal["sweep"] = "sweep"
    engine_version: str
    configuration_hash: str
    """Of the base that cells depart from."""
    seed: int
    rounds: int
    seconds: float
    rounds_per_second: float | None
    configuration: Configuration
    casino: str
    axes: tuple[SweepAxis, ...]
    cells: tuple[CellResult, ...]
    best: int | None
    notes: tuple[NoteShown, ...] = ()
