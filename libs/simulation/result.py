"""What finished runs hand out: `summarize` for one table, `compare` for two, `sweep_table` for many; `estimate` while they run.

The same order and tally give the same document but for the seconds that it took.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from libs.blackjack.configuration import Casino, Configuration
from libs.blackjack.profiles.findings import Note
from libs.blackjack.tally import Tally, digest
from libs.simulation import measures
from libs.simulation.documents import (
    CellResult,
    ComparisonResult,
    Convergence,
    CountResult,
    DealerOutcomes,
    Difference,
    Estimate,
    FanPoint,
    HistogramBin,
    HistoryHand,
    HistoryRound,
    NoteShown,
    PlayerNumbers,
    PlayerResult,
    SessionsResult,
    SimulationResult,
    Stopped,
    SweepAxis,
    SweepResult,
)
from libs.simulation.orders import ComparisonOrder, SimulationOrder, SweepOrder, configuration_hash

if TYPE_CHECKING:
    from libs.blackjack.reference.play import RoundRecord

__all__ = [
    "HISTORY_ROUNDS_MAX",
    "CellOutcome",
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
    "Result",
    "SessionsResult",
    "SimulationResult",
    "SweepAxis",
    "SweepResult",
    "casino_summary",
    "compare",
    "estimate",
    "estimate_difference",
    "read",
    "summarize",
    "sweep_table",
]

HISTORY_ROUNDS_MAX = 100

Result = SimulationResult | ComparisonResult | SweepResult
_KINDS: dict[str, type[Result]] = {"simulation": SimulationResult, "comparison": ComparisonResult, "sweep": SweepResult}


class CellOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """How one cell of a sweep ended: its job's result as it was stored, or why there is none."""

    labels: tuple[str, ...]
    job_id: str | None = None
    status: str = "done"
    result: Mapping[str, Any] | SimulationResult | None = None
    error: str | None = None


def estimate(tally: Tally) -> list[Estimate]:
    """The EV of each player of the first table so far; cheap."""
    return [measures.estimate_of(tally, 0, player) for player in range(len(tally.tables[0].players))]


def estimate_difference(tally: Tally) -> list[Estimate]:
    """The EV at table B less that at table A so far, for each place; cheap."""
    return [measures.difference_estimate(tally, player) for player in range(len(tally.tables[0].players))]


def summarize(
    order: SimulationOrder,
    tally: Tally,
    *,
    stopped: Stopped,
    seconds: float,
    convergence: Sequence[Convergence] = (),
    history: Sequence[RoundRecord] | None = None,
) -> SimulationResult:
    """The result of one table. `history` holds the first rounds (`libs.blackjack.reference.history`), of which
    every player gets the first `HISTORY_ROUNDS_MAX` of theirs; None where nobody asked for it."""
    configuration, rounds = order.configuration, tally.tables[0].rounds
    return SimulationResult(
        **_run(order.run.seed, tally, (configuration,), seconds, stopped, order.notes),
        configuration=configuration,
        casino=casino_summary(configuration.casino),
        players=_players(configuration, tally, 0, history),
        dealer=measures.dealer_outcomes(tally.tables[0]),
        convergence=tuple(convergence),
        rounds=rounds,
        rounds_per_second=_rate(rounds, seconds),
    )


def compare(
    order: ComparisonOrder,
    tally: Tally,
    *,
    stopped: Stopped,
    seconds: float,
    convergence: Sequence[Convergence] = (),
) -> ComparisonResult:
    """The result of two tables that were dealt the same cards, and the difference, B less A."""
    a, b = tally.tables
    return ComparisonResult(
        **_run(order.run.seed, tally, (order.a, order.b), seconds, stopped, order.notes),
        rounds=a.rounds,
        rounds_b=b.rounds,
        rounds_per_second=_rate(a.rounds + b.rounds, seconds),
        configuration_a=order.a,
        configuration_b=order.b,
        casino_a=casino_summary(order.a.casino),
        casino_b=casino_summary(order.b.casino),
        a=_players(order.a, tally, 0, None),
        b=_players(order.b, tally, 1, None),
        difference=tuple(measures.difference(tally, (order.a, order.b), player) for player in range(len(a.players))),
        dealer_a=measures.dealer_outcomes(a),
        dealer_b=measures.dealer_outcomes(b),
        convergence=tuple(convergence),
    )


def sweep_table(order: SweepOrder, cells: Sequence[CellOutcome], *, seconds: float) -> SweepResult:
    """All cells in one table, in the order of `order.cells()`; cells without a result stay in it and say why."""
    shown = tuple(_cell(cell) for cell in cells)
    evs = [(cell.players[0].ev, number) for number, cell in enumerate(shown) if cell.players]
    known = [(ev, -number) for ev, number in evs if ev is not None]
    rounds = sum(cell.rounds or 0 for cell in shown)
    return SweepResult(
        engine_version=_engine_version(),
        configuration_hash=configuration_hash(order.base),
        seed=order.run.seed,
        rounds=rounds,
        seconds=seconds,
        rounds_per_second=_rate(rounds, seconds),
        configuration=order.base,
        casino=casino_summary(order.base.casino),
        axes=tuple(
            SweepAxis(path=axis.path, label=axis.label, values=tuple(value.label for value in axis.values))
            for axis in order.axes
        ),
        cells=shown,
        best=-max(known)[1] if known else None,
        notes=_notes(order.notes),
    )


def read(document: Mapping[str, Any] | Result) -> Result:
    """A result as it was stored, as a value. Raises `ValueError` for what is no result."""
    if isinstance(document, SimulationResult | ComparisonResult | SweepResult):
        return document
    kind = document.get("kind")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise ValueError(f"a result of kind {kind!r} is not known")
    return msgspec.convert(document, _KINDS[kind], strict=False)


def casino_summary(casino: Casino) -> str:
    """The rules in one line, as players write them: `6 decks, S17, DAS, late surrender, 3:2, 75 % dealt`."""
    decks = "infinite deck" if casino.deck_count == "infinite" else f"{casino.deck_count} decks"
    parts = ["1 deck" if casino.deck_count == 1 else decks, "H17" if casino.hit_on_soft_17 else "S17"]
    parts.append("DAS" if casino.DAS else "no DAS")
    if casino.double_down_restrictions != "any_two_cards":
        words = casino.double_down_restrictions.replace("hard_", "doubling on hard ").replace("_to_", " to ")
        parts.append("no doubling" if words == "none" else words)
    hands = casino.allow_resplit_to_hands
    parts.append("no splitting" if hands < 2 else f"split to {hands} hands")
    parts += ["resplit aces"] if casino.allow_resplit_aces else []
    parts += ["hit split aces"] if casino.hit_split_aces else []
    surrender = [
        name
        for name, allowed in (("early", casino.allow_early_surrender), ("late", casino.allow_late_surrender))
        if allowed
    ]
    parts.append(f"{' and '.join(surrender)} surrender" if surrender else "no surrender")
    parts.append("peek" if casino.dealer_checks_for_blackjack else "no hole card")
    parts += [] if casino.offer_insurance else ["no insurance"]
    payouts = {1.5: "3:2", 1.2: "6:5", 1.0: "1:1", 2.0: "2:1"}
    parts.append(f"blackjack {payouts.get(casino.blackjack_payout, f'{casino.blackjack_payout:g}:1')}")
    if casino.deck_count != "infinite":
        dealt = f"{100 * casino.reshuffle_penetration:g} % dealt"
        parts.append(
            {"cut_card": dealt, "every_round": "shuffled every round"}.get(casino.shuffle, "continuous shuffle")
        )
    return ", ".join(parts)


def _engine_version() -> str:
    from libs.blackjack.engine import ENGINE_VERSION  # late: it brings the compiler with it

    return ENGINE_VERSION


def _rate(rounds: int, seconds: float) -> float | None:
    return rounds / seconds if seconds > 0 else None


def _notes(notes: Sequence[Note]) -> tuple[NoteShown, ...]:
    return tuple(NoteShown(pointer=note.pointer, detail=note.detail) for note in notes)


def _run(
    seed: int,
    tally: Tally,
    configurations: Sequence[Configuration],
    seconds: float,
    stopped: Stopped,
    notes: Sequence[Note],
) -> dict[str, Any]:
    return {
        "engine_version": _engine_version(),
        "digest": digest(tally),
        "configuration_hash": configuration_hash(*configurations),
        "seed": seed,
        "first_block": tally.first_block,
        "blocks": tally.blocks,
        "stopped": stopped,
        "seconds": seconds,
        "notes": _notes(notes),
    }


def _players(
    configuration: Configuration, tally: Tally, table: int, history: Sequence[RoundRecord] | None
) -> tuple[PlayerResult, ...]:
    return tuple(
        measures.player_result(
            configuration, tally, table, number, None if history is None else _history(configuration, number, history)
        )
        for number in range(len(configuration.players))
    )


def _history(configuration: Configuration, number: int, records: Sequence[RoundRecord]) -> tuple[HistoryRound, ...]:
    """One player's part of the rounds. Who has left a session has no seat any more: then seats go by name."""
    players, name = len(configuration.players), configuration.players[number].name
    rounds = []
    for record in records:
        by_name = (seat for seat in record.seats if seat.player == name)
        seat = record.seats[number] if len(record.seats) == players else next(by_name, None)
        if seat is None:
            continue
        told = {"block": record.block, "shoe": record.shoe, "round": record.round, "dealer": record.dealer}
        told |= {"dealer_end": record.dealer_end, **msgspec.structs.asdict(seat)}
        rounds.append(msgspec.convert(msgspec.to_builtins(told), HistoryRound))
        if len(rounds) == HISTORY_ROUNDS_MAX:
            break
    return tuple(rounds)


def _cell(cell: CellOutcome) -> CellResult:
    found = None if cell.result is None else cell.result
    result = read(found) if found is not None else None
    if result is None or not isinstance(result, SimulationResult):
        return CellResult(labels=cell.labels, job_id=cell.job_id, status=cell.status, error=cell.error)
    numbers = tuple(
        PlayerNumbers(**{field: getattr(player, field) for field in PlayerNumbers.__struct_fields__})
        for player in result.players
    )
    return CellResult(
        labels=cell.labels,
        job_id=cell.job_id,
        status=cell.status,
        players=numbers,
        rounds=result.rounds,
        digest=result.digest,
        configuration_hash=result.configuration_hash,
        error=cell.error,
    )
