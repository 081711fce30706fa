"""Reading a playing strategy: tables, index plays and insurance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, get_args

from libs.blackjack.basic_strategy import Tables, basic_tables, doubling_possible
from libs.blackjack.configuration import RANKS, Action, Casino, IndexPlay, PlayingStrategy, Rank, Row, TableName
from libs.blackjack.index_plays import INDEX_SETS, INSURANCE_INDEX, index_plays
from libs.blackjack.money import COUNT_MAX
from libs.blackjack.profiles.fields import (
    DESCRIPTION,
    NAME,
    PARENT,
    UNREAD,
    Field,
    Layer,
    Members,
    boolean,
    choice,
    integer,
    merge,
    plain,
    read_layer,
    said,
)
from libs.blackjack.profiles.findings import Findings, pointer
from libs.blackjack.profiles.source import Found, Source, shown

__all__ = ["FIELDS", "layer_of", "playing_of", "rank_of"]

FEW_ROWS = 3
"""Whoever leaves out more than so many rows means to change a strategy, not to write one."""
ACTIONS: tuple[Action, ...] = get_args(Action)
TABLES: dict[TableName, tuple[str, ...]] = {
    "hard": tuple(str(total) for total in range(8, 22)),
    "soft": tuple(str(total) for total in range(13, 22)),
    "pairs": ("A,A", *(f"{rank},{rank}" for rank in range(10, 1, -1))),
}
_WORDS: dict[str, Action] = {
    "hit": "H",
    "stand": "S",
    "double": "D",
    "split": "P",
    "surrender": "R",
    "h": "H",
    "s": "S",
    "d": "D",
    "p": "P",
    "r": "R",
    "u": "u",
}


def rank_of(name: str) -> Rank | None:
    """The rank that people write so: any case, "11" or "1" for an ace, "T", "J", "Q" or "K" for a ten."""
    upper = name.strip().upper()
    rank = {"11": "A", "1": "A", "ACE": "A", "T": "10", "J": "10", "Q": "10", "K": "10"}.get(upper, upper)
    return rank if rank in RANKS else None


def _hard(name: str) -> str | None:
    return name if name in TABLES["hard"] else None


def _soft(name: str) -> str | None:
    """The rows "18", "A,7" and "A7" are one."""
    parts = name.strip().upper().replace("-", ",").replace("/", ",")
    for ace in ("A,", "11,", "A"):
        other = parts.removeprefix(ace)
        if other != parts and other in RANKS[:-1]:
            return str(11 + int(other)) if int(other) < 10 else "21"
    return name if name in TABLES["soft"] else None


def _pair(name: str) -> str | None:
    """The rows "8,8", "8-8" and "88" are one."""
    parts = name.strip().replace("-", ",").replace("/", ",")
    first, comma, second = parts.partition(",")
    if not comma:
        first, second = parts[: len(parts) // 2], parts[len(parts) // 2 :]
    rank = rank_of(first)
    return f"{rank},{rank}" if rank is not None and rank == rank_of(second) else None


_ROW_OF: dict[TableName, Callable[[str], str | None]] = {"hard": _hard, "soft": _soft, "pairs": _pair}


def _action(table: TableName, source: Source, findings: Findings) -> Any:
    allowed = ACTIONS if table == "pairs" else tuple(action for action in ACTIONS if action != "P")
    value = source.value
    found = _WORDS.get(value.strip().lower()) if isinstance(value, str) else None
    if found is None or found not in allowed:
        findings.problem(source.at, f"One of {', '.join(allowed)} is expected, not {shown(value)}.")
        return UNREAD
    return Found(found, source.at)


def _row(table: TableName, source: Source, findings: Findings) -> Any:
    value = source.value
    if isinstance(value, list | str) and len(value) == len(RANKS):
        cells = {
            rank: Source(value[i], source.at if source.named else pointer(source.at, i), source.named)
            for i, rank in enumerate(RANKS)
        }
        if isinstance(value, str):
            cells = {rank: Source(cell.value, source.at, source.named) for rank, cell in cells.items()}
        findings.note(source.at, "The row was read as the actions against 2, 3, 4 to 10 and A, in this order.")
    elif isinstance(value, dict):
        cells = {}
        for key, cell in source.members():
            rank = rank_of(key)
            if rank is None:
                findings.problem(cell.at, f'A dealer\'s card from "2" to "10" or "A" is expected, not {shown(key)}.')
            elif rank in cells and cells[rank].value != cell.value:
                findings.problem(cell.at, f"{shown(key)} contradicts another action for the same card, {rank}.")
            else:
                cells[rank] = cell
    else:
        findings.problem(
            source.at, f"Actions by the dealer's card are expected, as an object or ten in a row, not {shown(value)}."
        )
        return UNREAD
    read = {rank: _action(table, cell, findings) for rank, cell in cells.items()}
    return Members({str(rank): found for rank, found in read.items()}, source.at)


def _below_hard_8(source: Source, findings: Findings) -> None:
    row = _row("hard", source, findings)
    if row is not UNREAD:
        for found in row.values():
            if found is not UNREAD and found.value != "H":
                findings.problem(found.at, "H is expected: a hard total under 8 is always hit.")


def _table(table: TableName) -> Callable[[Source, Findings], Any]:
    def read(source: Source, findings: Findings) -> Any:
        if not isinstance(source.value, dict):
            findings.problem(
                source.at, f"An object with the rows {_span(table)} is expected, not {shown(source.value)}."
            )
            return UNREAD
        rows: dict[str, Any] = {}
        for key, member in source.members():
            name = _ROW_OF[table](key)
            if name is None:
                if table == "hard" and key in {"4", "5", "6", "7"}:
                    _below_hard_8(member, findings)
                else:
                    findings.problem(member.at, f"The table has no row {shown(key)}; {_span(table)} are expected.")
                continue
            row = _row(table, member, findings)
            if row is UNREAD:
                rows.setdefault(name, UNREAD)
            elif name in rows and plain(rows[name]) != plain(row):
                findings.problem(member.at, f"{shown(key)} contradicts another row for the same hand, {name}.")
            else:
                if name != key:
                    findings.note(member.at, f"{shown(key)} was read as the row {name}.")
                rows[name] = row
        return Members(rows, source.at)

    return read


def _span(table: TableName) -> str:
    rows = TABLES[table]
    return f'"{rows[0]}" to "{rows[-1]}"'


def _strategy(source: Source, findings: Findings) -> Any:
    """The tables as one member `strategy`, as many files have them."""
    layer = read_layer(source, _TABLE_FIELDS, "A strategy with the tables hard, soft and pairs", findings)
    return layer if isinstance(source.value, dict) else dict.fromkeys(TABLES, UNREAD)


_PLAY_FIELDS = (
    Field("table", "choice", choice(("hard", "soft", "pairs")), "The table of the cell."),
    Field("row", "text", lambda source, _: Found(source.value, source.at), "The row of the cell.", synonyms=("hand",)),
    Field(
        "dealer",
        "text",
        lambda source, _: Found(source.value, source.at),
        "The dealer's card.",
        synonyms=("up", "upcard"),
    ),
    Field("index", "integer", integer(-COUNT_MAX, COUNT_MAX, "A count"), "From this count upwards."),
    Field("action", "text", lambda source, _: Found(source.value, source.at), "What is done instead."),
    Field("below", "boolean", boolean, "Under the count instead.", default=False),
)


def _play(source: Source, findings: Findings) -> IndexPlay | None:
    before = findings.count
    layer = read_layer(source, _PLAY_FIELDS, "An index play", findings)
    for field in _PLAY_FIELDS[:5]:
        if field.name not in layer and findings.count == before:
            findings.problem(
                source.at, f"`{field.name}` is missing; table, row, dealer, index and action are expected."
            )
    if findings.count > before:
        return None
    table: TableName = layer["table"].value
    row = _ROW_OF[table](str(layer["row"].value)) if isinstance(layer["row"].value, str | int) else None
    if row is None:
        findings.problem(
            layer["row"].at, f"A row of the table, {_span(table)}, is expected, not {shown(layer['row'].value)}."
        )
    dealer = rank_of(str(layer["dealer"].value)) if isinstance(layer["dealer"].value, str | int) else None
    if dealer is None:
        findings.problem(layer["dealer"].at, f'"2" to "10" or "A" is expected, not {shown(layer["dealer"].value)}.')
    action = _action(table, Source(layer["action"].value, layer["action"].at), findings)
    if row is None or dealer is None or action is UNREAD:
        return None
    below = layer["below"].value if "below" in layer else False
    return IndexPlay(table=table, row=row, dealer=dealer, index=layer["index"].value, action=action.value, below=below)


def _plays(source: Source, findings: Findings) -> Any:
    if not isinstance(source.value, list) or len(source.value) > 1000:
        findings.problem(source.at, f"An array of at most 1,000 index plays is expected, not {shown(source.value)}.")
        return UNREAD
    found = []
    for item in source.items():
        play = _play(item, findings)
        if play is not None:
            found.append(Found(play, item.at))
    return Found(tuple(found), source.at)


_TABLE_FIELDS: tuple[Field, ...] = (
    Field(
        "hard",
        "table",
        _table("hard"),
        'Hard totals "8" to "21" by the dealer\'s card; below 8 is always hit.',
        synonyms=("hard_totals",),
    ),
    Field(
        "soft", "table", _table("soft"), 'Soft totals "13" to "21" by the dealer\'s card.', synonyms=("soft_totals",)
    ),
    Field(
        "pairs",
        "table",
        _table("pairs"),
        'Pairs "A,A", "10,10" to "2,2" by the dealer\'s card.',
        synonyms=("pair", "splits"),
    ),
)

FIELDS: tuple[Field, ...] = (
    NAME,
    DESCRIPTION,
    PARENT,
    Field(
        "base",
        "choice",
        choice(("basic",)),
        "`basic` starts from the total-dependent basic strategy for the casino's rules; the tables then hold changes only.",
        choices=("basic",),
    ),
    *_TABLE_FIELDS,
    Field("strategy", "table", _strategy, "The three tables as one object; the same as writing them here."),
    Field(
        "index_set",
        "choice",
        choice(("none", *INDEX_SETS)),
        "A known set of index plays for the casino's rules, played before `index_plays`.",
        default="none",
        choices=("none", *INDEX_SETS),
    ),
    Field(
        "index_plays",
        "table",
        _plays,
        "Departures from the tables: {table, row, dealer, index, action, below?}. Of two for one cell that apply, the later counts.",
        synonyms=("indices", "deviations"),
    ),
    Field(
        "insurance_index",
        "integer",
        integer(-COUNT_MAX, COUNT_MAX, "A count", null=True),
        "Insurance is taken at or above this count; null: never.",
        minimum=-COUNT_MAX,
        maximum=COUNT_MAX,
        synonyms=("take_insurance_at", "insurance_count"),
    ),
)


def layer_of(source: Source, what: str, findings: Findings) -> Layer:
    """A layer with the three tables at its top, wherever they were written."""
    layer = read_layer(source, FIELDS, what, findings)
    nested: Layer = layer.pop("strategy", {})
    for name, rows in nested.items():
        if name in layer and plain(layer[name]) != plain(rows):
            findings.problem(
                source.at, f"`{name}` and `strategy` with another `{name}` contradict each other; one is expected."
            )
    return merge(nested, layer)


def playing_of(layer: Layer, name: str, at: str, casino: Casino | None, findings: Findings) -> PlayingStrategy:
    """The strategy that a merged layer says, for the rules of `casino` (null: only what holds for any is checked)."""
    rules = casino or Casino()
    tables: Tables = basic_tables(rules) if "base" in layer else {"hard": {}, "soft": {}, "pairs": {}}
    absent = 0
    for table, names in TABLES.items():
        own = layer.get(table)
        if own is None and not tables[table]:
            absent += len(names)
            findings.problem(at, f"The table `{table}` is missing; its rows {_span(table)} are expected.")
        elif own is not None and own is not UNREAD:
            missing = [row for row in names if row not in own and row not in tables[table]]
            absent += len(missing)
            if missing:
                row_s, are = ("row", "is") if len(missing) == 1 else ("rows", "are")
                findings.problem(own.at, f"The {row_s} {_runs(missing, names)} of the table `{table}` {are} missing.")
            for row in names:
                _fill(tables[table], table, row, own, casino, findings)
    if absent > FEW_ROWS:
        findings.problem(
            at,
            'With `"parent": "basic"` beside the tables, they need only say what is played otherwise than basic strategy.',
        )
    plays: tuple[IndexPlay, ...] = ()
    insurance: int | None = None
    if said(layer, "index_set", "none") != "none":
        plays, insurance = index_plays(rules, tables), INSURANCE_INDEX
    for found in said(layer, "index_plays", ()):
        play = found.value
        if casino is not None:
            _playable(Found(play.action, found.at), play.table, play.row, play.dealer, casino, findings)
        plays = (*plays, play)
    return PlayingStrategy(
        name=name,
        hard=tables["hard"],
        soft=tables["soft"],
        pairs=tables["pairs"],
        index_plays=plays,
        insurance_index=said(layer, "insurance_index") if "insurance_index" in layer else insurance,
    )


def _fill(
    rows: dict[str, Row], table: TableName, row: str, own: Members, casino: Casino | None, findings: Findings
) -> None:
    """Write a row's cells over what is there already; what stays empty is a problem."""
    cells = own.get(row)
    if cells is UNREAD or cells is None:
        return
    filled = rows.setdefault(row, {})
    empty = [rank for rank in RANKS if rank not in cells and rank not in filled]
    if empty:
        findings.problem(cells.at, f"The row {row} of the table `{table}` says nothing against {_runs(empty, RANKS)}.")
    for rank in RANKS:
        found = cells.get(rank)
        if found is not None and found is not UNREAD:
            filled[rank] = found.value
            if casino is not None:
                _playable(found, table, row, rank, casino, findings)


def _runs(names: Sequence[str], order: Sequence[str]) -> str:
    """Some of `order`, those that follow each other together: "8 to 11; 13"."""
    runs: list[list[str]] = []
    for name in names:
        if runs and order.index(name) == order.index(runs[-1][-1]) + 1:
            runs[-1].append(name)
        else:
            runs.append([name])
    return "; ".join(run[0] if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs)


def _playable(found: Found[Action], table: TableName, row: str, rank: Rank, casino: Casino, findings: Findings) -> None:
    if found.value == "D" and not doubling_possible(casino, table, row):
        findings.problem(
            found.at,
            f"D for {table} {row} against {rank} can never be played where `double_down_restrictions` is "
            f"`{casino.double_down_restrictions}`; another action is expected.",
        )
