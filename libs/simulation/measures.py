"""From one player's tally to numbers: exact until the last division, None where a number is not defined."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

from libs.blackjack import outcomes
from libs.blackjack.configuration import BettingStrategy, Configuration, Player
from libs.blackjack.money import bankroll as starting_bankroll
from libs.blackjack.money import bet_at, betting_unit
from libs.blackjack.tally import CountRow, PlayerTally, SessionTally, TableTally, Tally
from libs.simulation import statistics
from libs.simulation.documents import (
    CountResult,
    DealerOutcomes,
    Difference,
    Estimate,
    FanPoint,
    HistogramBin,
    HistoryRound,
    PlayerResult,
    SessionsResult,
)
from libs.simulation.statistics import BlockMoments, Form, interval_95, quotient, share_interval_95, standard_error

__all__ = [
    "TWENTIETHS",
    "dealer_outcomes",
    "difference",
    "difference_estimate",
    "estimate_of",
    "money",
    "player_result",
    "units",
]

TWENTIETHS = 20


def money(twentieths: int, unit: Fraction) -> float:
    return float(twentieths * unit / TWENTIETHS)


def units(row: CountRow) -> tuple[int, int]:
    """The sum of a row's results and the sum of their squares, in twentieths."""
    pairs = row.results.items()
    return sum(result * rounds for result, rounds in pairs), sum(result * result * rounds for result, rounds in pairs)


def ev_form(moments: BlockMoments, table: int, player: int, tally: PlayerTally) -> Form | None:
    """What blocks add to the error of a player's EV; None where nothing was bet."""
    if tally.initial == 0:
        return None
    return statistics.ratio_form(moments.net(table, player), moments.initial(table, player), tally.net, tally.initial)


def rate_form(moments: BlockMoments, table: int, player: int, tally: TableTally, unit: Fraction) -> Form | None:
    """What blocks add to the error of a player's money per round; None where he did not play every round."""
    mine = tally.players[player]
    if tally.rounds == 0 or sum(row.rounds for row in mine.rows) != tally.rounds:
        return None
    form = statistics.ratio_form(moments.net(table, player), moments.rounds(table), mine.net, tally.rounds)
    return {entry: factor * unit / TWENTIETHS for entry, factor in form.items()}


def _error(moments: BlockMoments, form: Form | None) -> float | None:
    return None if form is None else standard_error(moments.covariance(form, form))


def estimate_of(tally: Tally, table: int, player: int, moments: BlockMoments | None = None) -> Estimate:
    """A player's EV with its error, cheap enough to be asked for with every shard."""
    moments = moments or BlockMoments(tally)
    mine = tally.tables[table].players[player]
    ev = quotient(mine.net, mine.initial)
    error = _error(moments, ev_form(moments, table, player, mine))
    return Estimate(
        ev=ev,
        standard_error=error,
        interval=interval_95(ev, error, tally.blocks),
        rounds=sum(row.rounds for row in mine.rows),
    )


def _contrast(one: Form | None, other: Form | None) -> Form | None:
    """`other` less `one`; None where one of them is not defined."""
    if one is None or other is None:
        return None
    entries = {*one, *other}
    return {entry: other.get(entry, Fraction(0)) - one.get(entry, Fraction(0)) for entry in entries}


def difference_estimate(tally: Tally, player: int, moments: BlockMoments | None = None) -> Estimate:
    """The EV at the second table less that at the first, with the error that common cards leave it."""
    moments = moments or BlockMoments(tally)
    a, b = (table.players[player] for table in tally.tables)
    form = _contrast(ev_form(moments, 0, player, a), ev_form(moments, 1, player, b))
    value = None if form is None else float(Fraction(b.net, b.initial) - Fraction(a.net, a.initial))
    error = _error(moments, form)
    rounds = sum(row.rounds for row in a.rows)
    return Estimate(ev=value, standard_error=error, interval=interval_95(value, error, tally.blocks), rounds=rounds)


def difference(tally: Tally, configurations: Sequence[Configuration], player: int) -> Difference:
    """B less A for the player in one place of both tables."""
    moments = BlockMoments(tally)
    estimate = difference_estimate(tally, player, moments)
    evs = [ev_form(moments, table, player, tally.tables[table].players[player]) for table in (0, 1)]
    shared = apart = None
    related = None
    if evs[0] is not None and evs[1] is not None:
        one, other, both = (moments.covariance(x, y) for x, y in ((evs[0], evs[0]), (evs[1], evs[1]), (evs[0], evs[1])))
        related = statistics.correlation(both, one, other)
        if one is not None and other is not None and both is not None:
            apart, shared = one + other, one + other - 2 * both
    bettings = [configuration.players[player].betting_strategy for configuration in configurations]
    own = [betting_unit(betting) for betting in bettings]
    rates = [rate_form(moments, table, player, tally.tables[table], own[table]) for table in (0, 1)]
    form = _contrast(rates[0], rates[1])
    per_round = [
        quotient(tally.tables[table].players[player].net * own[table] / TWENTIETHS, tally.tables[table].rounds)
        for table in (0, 1)
    ]
    win_rate = None if per_round[0] is None or per_round[1] is None else 100 * (per_round[1] - per_round[0])
    error = _error(moments, form)
    win_error = None if error is None else 100 * error
    names = [configuration.players[player].name for configuration in configurations]
    return Difference(
        player=player,
        name=names[0] if names[0] == names[1] else f"{names[0]} / {names[1]}",
        ev_difference=estimate.ev,
        standard_error=estimate.standard_error,
        interval=estimate.interval,
        correlation=related,
        variance_ratio=float(apart / shared) if apart is not None and shared else None,
        win_rate_difference=win_rate,
        win_rate_standard_error=win_error,
        win_rate_interval=interval_95(win_rate, win_error, tally.blocks),
    )


def _by_count(rows: Sequence[CountRow], betting: BettingStrategy, total: int) -> tuple[CountResult, ...]:
    scale = TWENTIETHS * betting.num_hands
    results = []
    for row in rows:
        n = row.rounds
        if n == 0:
            continue
        net, squares = units(row)
        variance = Fraction(n * squares - net * net, n * (n - 1)) if n > 1 else None
        ev, error = quotient(net, scale * n), None if variance is None else math.sqrt(variance / n) / scale
        kelly = quotient(max(net, 0) * TWENTIETHS, n * variance) if variance else None
        results.append(
            CountResult(
                count=row.count,
                rounds=n,
                share=n / total,
                bet=bet_at(betting, row.count),
                ev=ev,
                standard_error=error,
                interval=interval_95(ev, error, n),
                sd=None if variance is None else math.sqrt(variance) / TWENTIETHS,
                kelly_fraction=kelly,
                units_net=net,
                units_squares=squares,
                units_wagered=row.wagered,
            )
        )
    return tuple(results)


def _histogram(rows: Sequence[CountRow], total: int) -> tuple[HistogramBin, ...]:
    rounds: Counter[int] = Counter()
    for row in rows:
        rounds.update(row.results)
    return tuple(
        HistogramBin(result=result / TWENTIETHS, rounds=count, share=count / total)
        for result, count in sorted(rounds.items())
        if count
    )


def _fan_point(rounds: int, bins: Sequence[int], low: float, width: float) -> FanPoint | None:
    values: dict[str, float] = {}
    beyond = []
    for name, share in (("q05", 0.05), ("q25", 0.25), ("q50", 0.5), ("q75", 0.75), ("q95", 0.95)):
        quantile = statistics.histogram_quantile(bins, width, share, low=low)
        if quantile is None:
            return None
        values[name] = quantile[0]
        if quantile[1]:
            beyond.append(name)
    return FanPoint(rounds=rounds, open=tuple(beyond), **values)


def _sessions(tally: SessionTally, player: Player, unit: Fraction) -> SessionsResult:
    n, bankroll = tally.sessions, player.bankroll
    left_out = Fraction(round(bankroll * 100), 100) - starting_bankroll(player) * unit / TWENTIETHS
    variance = Fraction(n * tally.final_squares - tally.final**2, n * (n - 1)) if n > 1 else None
    sd = None if variance is None else math.sqrt(variance) * float(unit / TWENTIETHS)
    points = [FanPoint(rounds=0, q05=bankroll, q25=bankroll, q50=bankroll, q75=bankroll, q95=bankroll)] if n else []
    for checkpoint, bins in zip(tally.checkpoints, tally.paths, strict=True):
        low, width = money(tally.bankroll_low, unit), money(tally.bankroll_span, unit) / len(bins)
        point = _fan_point(checkpoint, bins, low, width)
        if point is not None:
            points.append(point)
    return SessionsResult(
        sessions=n,
        ruined=tally.ruined,
        ruin_share=quotient(tally.ruined, n),
        ruin_interval=share_interval_95(tally.ruined, n),
        goals=tally.goals,
        goal_share=quotient(tally.goals, n),
        goal_interval=share_interval_95(tally.goals, n),
        mean_rounds_to_ruin=quotient(tally.rounds_to_ruin, tally.ruined),
        final_mean=quotient(tally.final * unit / TWENTIETHS + n * left_out, n),
        final_standard_error=None if sd is None else sd / math.sqrt(n),
        final_sd=sd,
        fan=tuple(points),
    )


def player_result(
    configuration: Configuration, tally: Tally, table: int, number: int, history: tuple[HistoryRound, ...] | None = None
) -> PlayerResult:
    """All numbers of one player."""
    player, whole = configuration.players[number], tally.tables[table]
    mine, betting = whole.players[number], player.betting_strategy
    unit, rounds = betting_unit(betting), sum(row.rounds for row in whole.players[number].rows)
    moments = BlockMoments(tally)
    estimate = estimate_of(tally, table, number, moments)
    mean = quotient(mine.net * unit / TWENTIETHS, rounds)
    variance = Fraction(rounds * mine.net_squares - mine.net**2, rounds * (rounds - 1)) if rounds > 1 else None
    sd = None if variance is None else math.sqrt(variance) * float(unit / TWENTIETHS)
    rate_error = _error(moments, rate_form(moments, table, number, whole, unit))
    sessions = None if mine.sessions is None else _sessions(mine.sessions, player, unit)
    net = money(mine.net, unit)
    return PlayerResult(
        name=player.name,
        ev=estimate.ev,
        standard_error=estimate.standard_error,
        interval=estimate.interval,
        rounds=rounds,
        average_bet=quotient(mine.initial * unit / TWENTIETHS, rounds),
        win_rate_per_100=None if mean is None else 100 * mean,
        win_rate_standard_error=None if rate_error is None else 100 * rate_error,
        sd_per_round=sd,
        sd_per_100=None if sd is None else 10 * sd,
        sd_per_100_blocks=None if rate_error is None else 10 * rate_error * math.sqrt(rounds),
        score=statistics.score(mean, sd),
        di=statistics.desirability_index(mean, sd),
        n0=statistics.n_zero(mean, sd),
        risk_of_ruin=statistics.risk_of_ruin(mean, sd, player.bankroll),
        player_edge=quotient(mine.net, mine.wagered),
        ruin_share=None if sessions is None else sessions.ruin_share,
        initial_bankroll=player.bankroll,
        final_bankroll=player.bankroll + net if sessions is None else sessions.final_mean,
        net_gain_loss=net,
        initial_bets=money(mine.initial, unit),
        total_wagered=money(mine.wagered, unit),
        betting_unit=float(unit),
        hands_per_round=betting.num_hands,
        strategies={
            "playing": player.playing_strategy.name,
            "betting": betting.name,
            "counting": player.counting_strategy.name,
        },
        outcomes={
            **outcomes.named_counts(mine.outcomes),
            "insurance_won": mine.insurance_won,
            "insurance_lost": mine.insurance_lost,
        },
        by_count=_by_count(mine.rows, betting, rounds) if rounds else (),
        histogram=_histogram(mine.rows, rounds) if rounds else (),
        sessions=sessions,
        hand_history=history,
    )


def dealer_outcomes(table: TableTally) -> DealerOutcomes:
    return DealerOutcomes(**dict(zip(DealerOutcomes.__struct_fields__, table.dealer, strict=True)))
