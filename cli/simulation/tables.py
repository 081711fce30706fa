"""Results as tables: rich ones on a terminal, aligned text in a pipe. What a result does not tell is a dash."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.figures import NONE, count, duration, figure, interval, money, percent, rate, short_count, spread
from libs.simulation import axis_wording
from libs.simulation.documents import SweepAxis

__all__ = [
    "line_of",
    "plain_table",
    "result_console",
    "show_counts",
    "show_hands",
    "show_outcomes",
    "show_priced",
    "show_result",
]

Json = dict[str, Any]
Row = tuple[str, Callable[[Json], str]]

PIPE_WIDTH = 160

_ENDS = {"target": "ended at the target", "by_hand": "stopped by hand"}

_PLAYER_ROWS: tuple[Row, ...] = (
    ("EV per round, of the initial bet", lambda p: percent(p.get("ev"))),
    ("standard error", lambda p: percent(p.get("standard_error"))),
    ("95 % interval", lambda p: _between(p.get("interval"))),
    ("average bet of a round", lambda p: money(p.get("average_bet"))),
    ("win per 100 rounds", lambda p: figure(p.get("win_rate_per_100"))),
    ("SD of a round", lambda p: figure(p.get("sd_per_round"))),
    ("SD of 100 rounds", lambda p: figure(p.get("sd_per_100"), 2)),
    ("SCORE", lambda p: figure(p.get("score"), 3)),
    ("DI", lambda p: figure(p.get("di"), 3)),
    ("N0, rounds", lambda p: short_count(p.get("n0"))),
    ("risk of ruin, if played for ever", lambda p: NONE if p.get("sessions") else percent(p.get("risk_of_ruin"), 2)),
    ("net", lambda p: money(p.get("net_gain_loss"))),
    ("wagered", lambda p: money(p.get("total_wagered"))),
    ("net of what was wagered", lambda p: percent(p.get("player_edge"))),
    ("bankroll at first", lambda p: money(p.get("initial_bankroll"))),
    ("bankroll in the end", lambda p: NONE if p.get("sessions") else money(p.get("final_bankroll"))),
)


def result_console() -> Console:
    """Standard output: as wide as the terminal, or wide enough that a pipe breaks no line."""
    plain: dict[str, Any] = {"highlight": False, "markup": False, "emoji": False}  # names are what users typed
    console = Console(**plain)
    return console if console.is_terminal else Console(width=PIPE_WIDTH, **plain)


def plain_table(title: str, *headings: str) -> Table:
    """A table of words, each kept whole in its column."""
    table = _table(title)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def show_result(console: Console, kind: str, result: Json) -> None:
    """A result of any kind of simulation."""
    match kind:
        case "comparison":
            _show_comparison(console, result)
        case "sweep":
            _show_sweep(console, result)
        case _:
            _show_simulation(console, result)


def line_of(simulation: Json) -> str:
    """A simulation in a list; its numbers where its result is at hand."""
    created = str(simulation.get("created_at") or "")[:16].replace("T", " ")
    of = f" (a cell of {simulation['parent_id']})" if simulation.get("parent_id") else ""
    facts = [
        f"{simulation['job_id']}  {simulation['status']:<10} {created:<16}  {simulation.get('description') or ''}{of}"
    ]
    if isinstance(result := simulation.get("result_data"), dict):
        facts += [f"{short_count(result['rounds'])} rounds played"] if result.get("rounds") is not None else []
        facts += [_ENDS[result["stopped"]]] if result.get("stopped") in _ENDS else []
        facts += [f"EV of {player.get('name')} {_estimate(player)}" for player in _players(result)]
        facts += [f"difference of EV {_difference(each)}" for each in result.get("difference") or []]
    return " · ".join(facts)


def _difference(difference: Json) -> str:
    low, high = difference.get("interval") or (None, None)
    return interval(difference.get("ev_difference"), low, high)


def show_counts(console: Console, result: Json) -> None:
    """Every player's results by the count at which they bet."""
    for player in _players(result):
        table = _table(f"{player.get('name')}: by count")
        for heading in ("count", "rounds", "share", "bet", "EV", "standard error"):
            table.add_column(heading, justify="right")
        rows = player.get("by_count") or []
        for row in rows:
            edge = row is rows[0] or row is rows[-1]
            label = f"{row.get('count'):+d}" if row.get("count") else "0"
            sign = "≤ " if row is rows[0] else "≥ "
            table.add_row(
                f"{sign}{label}" if edge and len(rows) > 1 and abs(row.get("count") or 0) >= 12 else label,
                count(row.get("rounds")),
                percent(row.get("share"), 3),
                money(row.get("bet")),
                percent(row.get("ev")),
                percent(row.get("standard_error")),
            )
        console.print(table)


def show_outcomes(console: Console, result: Json) -> None:
    """How often hands ended in which way."""
    players = _players(result)
    table = _table("outcomes")
    table.add_column("hands")
    for player in players:
        table.add_column(str(player.get("name")), justify="right")
    for name in dict.fromkeys(name for player in players for name in player.get("outcomes") or {}):
        table.add_row(name.replace("_", " "), *(_outcome((p.get("outcomes") or {}).get(name)) for p in players))
    console.print(table)


def show_hands(console: Console, result: Json) -> None:
    """The rounds that were kept, one line each: cards, decisions, outcome, and what was won."""
    for player in _players(result):
        records = player.get("hand_history") or []
        if not records:
            console.print(Text(f"{player.get('name')}: no hands were kept; order with --history"))
            continue
        table = _table(f"{player.get('name')}: the first rounds")
        for heading, side in (
            ("round", "right"),
            ("count", "right"),
            ("dealer", "left"),
            ("hands", "left"),
            ("net", "right"),
        ):
            table.add_column(heading, justify=side)  # type: ignore[arg-type]
        for record in records:
            table.add_row(
                f"{record.get('block')}.{record.get('round')}",
                count(record.get("count")),
                f"{' '.join(record.get('dealer') or [])} ({record.get('dealer_end')})",
                "\n".join(_hand(hand) for hand in record.get("hands") or []),
                money(record.get("net")),
            )
        console.print(table)


def _hand(hand: Json) -> str:
    decided = f" [{' '.join(hand['decisions'])}]" if hand.get("decisions") else ""
    insured = " insured," if hand.get("insurance") else ""
    outcome = str(hand.get("outcome")).replace("_", " ")
    return f"{' '.join(hand.get('cards') or [])}{decided},{insured} bet {money(hand.get('bet'))}: {outcome}"


def show_priced(console: Console, priced: Json, job_id: str, *, counts: bool = False) -> None:
    """Another ramp's numbers, from the counts of an old result; with `counts` also those of every count."""
    ramp = str((priced.get("betting_strategy") or {}).get("name") or "the ramp")
    facts = [f"{ramp} on the rounds of {job_id}"]
    facts += [f"{count(priced['rounds'])} rounds"] if priced.get("rounds") is not None else []
    facts += [f"bankroll {money(priced['bankroll'])}"] if priced.get("bankroll") is not None else []
    console.print(Text(" · ".join(facts), style="bold"), soft_wrap=True)
    table = _table(None)
    table.add_column("")
    table.add_column(str(priced.get("name") or ""), justify="right")
    for label, read in _PLAYER_ROWS:
        if (shown := read(priced)) != NONE:
            table.add_row(label, shown)
    console.print(table)
    if counts and (rows := priced.get("by_count")):
        show_counts(console, {"players": [{"name": ramp, "by_count": rows}]})
    if assumption := priced.get("assumption"):
        console.print(Text(str(assumption), style="dim"))


def _show_simulation(console: Console, result: Json) -> None:
    players = _players(result)
    console.print(Text(_heading(result), style="bold"), soft_wrap=True)
    table = _table(None)
    table.add_column("")
    for player in players:
        table.add_column(str(player.get("name")), justify="right")
    if line := result.get("casino"):
        console.print(Text(str(line)), soft_wrap=True)
    _strategies(table, players)
    for label, read in _PLAYER_ROWS:
        _add(table, label, [read(player) for player in players])
    _sessions(table, players)
    console.print(table)
    _provenance(console, result, spread=False)


def _show_comparison(console: Console, result: Json) -> None:
    console.print(Text(_heading(result), style="bold"), soft_wrap=True)
    for side in ("a", "b"):
        if line := result.get(f"casino_{side}"):
            console.print(Text(f"{side.upper()}: {line}"), soft_wrap=True)
    for number, difference in enumerate(result.get("difference") or []):
        pair = [_part(result.get("a"), number), _part(result.get("b"), number)]
        table = _table(None)
        table.add_column(str(difference.get("name") or pair[0].get("name")))
        for heading in ("A", "B", "B - A"):
            table.add_column(heading, justify="right")
        gaps = {
            "EV per round, of the initial bet": _difference(difference),
            "standard error": percent(difference.get("standard_error")),
            "95 % interval": _between(difference.get("interval")),
            "win per 100 rounds": spread(difference.get("win_rate_difference"), difference.get("win_rate_interval")),
        }
        _strategies(table, pair, "")
        for label, read in _PLAYER_ROWS:
            _add(table, label, [*(read(each) for each in pair), gaps.get(label, "")])
        _add(table, "correlation of the two", ["", "", figure(difference.get("correlation"), 3)])
        _add(table, "rounds saved by common cards", ["", "", _times(difference.get("variance_ratio"))])
        console.print(table)
    _provenance(console, result, spread=True)


def _show_sweep(console: Console, result: Json) -> None:
    axes, cells = result.get("axes") or [], result.get("cells") or []
    console.print(Text(f"base: {_heading(result)}", style="bold"), soft_wrap=True)
    if line := result.get("casino"):
        console.print(Text(str(line)), soft_wrap=True)
    if len(axes) == 2:
        _grid(console, axes, cells)
        _provenance(console, result, spread=True)
        return
    table = _table(None)
    for each in axes:
        table.add_column(str(each.get("label") or each.get("path")))
    for heading, side in (
        ("player", "left"),
        ("EV", "right"),
        ("SD", "right"),
        ("SCORE", "right"),
        ("rounds", "right"),
    ):
        table.add_column(heading, justify=side)  # type: ignore[arg-type]
    for cell in cells:
        labels = [
            axis_wording.value_shown(_axis(each), str(label))
            for each, label in zip(axes, cell.get("labels") or [], strict=False)
        ]
        players = _players(cell)
        for player in players:
            table.add_row(
                *labels,
                str(player.get("name")),
                _estimate(player),
                figure(player.get("sd_per_round")),
                figure(player.get("score"), 3),
                short_count(cell.get("rounds")),
            )
        if not players:
            table.add_row(*labels, "", str(cell.get("error") or cell.get("status") or NONE))
    console.print(table)
    _provenance(console, result, spread=True)


def _grid(console: Console, axes: Sequence[Json], cells: Iterable[Json]) -> None:
    """Two axes: a table of EVs for each player, the best cell in bold."""
    names = [str(each.get("label") or each.get("path")) for each in axes]
    by_labels = {tuple(str(label) for label in cell.get("labels") or []): cell for cell in cells}
    rows = list(dict.fromkeys(labels[0] for labels in by_labels))
    columns = list(dict.fromkeys(labels[1] for labels in by_labels))
    players = max((len(cell.get("players") or []) for cell in by_labels.values()), default=0)
    for number in range(players):
        evs = {at: _part(cell.get("players"), number).get("ev") for at, cell in by_labels.items()}
        known = {at: ev for at, ev in evs.items() if ev is not None}
        best = max(known, key=lambda at: known[at]) if known else None
        who = next(
            (str(_part(c.get("players"), number).get("name")) for c in by_labels.values() if c.get("players")), ""
        )
        console.print(Text(f"\nEV of {who}: {names[0]} down, {names[1]} across", style="bold"), soft_wrap=True)
        table = _table(None)
        table.add_column("")
        for column in columns:
            table.add_column(axis_wording.heading(_axis(axes[1]), column), justify="right")
        for row in rows:
            shown = [_cell(by_labels.get((row, column)), number, best == (row, column)) for column in columns]
            table.add_row(axis_wording.heading(_axis(axes[0]), row), *shown)
        console.print(table)


def _axis(axis: Json) -> SweepAxis:
    path = str(axis.get("path") or "")
    return SweepAxis(path=path, label=str(axis.get("label") or path), values=())


def _cell(cell: Json | None, number: int, best: bool) -> Text:
    if cell is None:
        return Text(NONE)
    player = _part(cell.get("players"), number)
    if not player:
        return Text(str(cell.get("error") or cell.get("status") or NONE), style="red")
    return Text(_estimate(player), style="bold green" if best else "")


def _estimate(player: Json) -> str:
    low, high = player.get("interval") or (None, None)
    error = player.get("standard_error")
    if low is None and error is not None and player.get("ev") is not None:
        low, high = player["ev"] - 1.96 * error, player["ev"] + 1.96 * error
    return interval(player.get("ev"), low, high)


def _strategies(table: Table, players: Sequence[Json], *more: str) -> None:
    found = [player.get("strategies") or {} for player in players]
    for name in dict.fromkeys(name for each in found for name in each):
        _add(
            table, f"{name.removesuffix('_strategy')} strategy", [*(str(each.get(name, NONE)) for each in found), *more]
        )


def _sessions(table: Table, players: Sequence[Json]) -> None:
    sessions = [player.get("sessions") or {} for player in players]
    if not any(sessions):
        return
    rows: tuple[Row, ...] = (
        ("sessions", lambda s: count(s.get("sessions"))),
        ("ruined, 95 % interval", lambda s: _within(s.get("ruin_share"), s.get("ruin_interval"))),
        ("rounds to ruin", lambda s: count(s.get("mean_rounds_to_ruin"))),
        ("reached the goal, 95 % interval", lambda s: _within(s.get("goal_share"), s.get("goal_interval"))),
        ("mean bankroll in the end", lambda s: money(s.get("final_mean"))),
        ("SD of the bankroll in the end", lambda s: money(s.get("final_sd"))),
    )
    for label, read in rows:
        _add(table, label, [read(each) for each in sessions])


def _add(table: Table, label: str, cells: Sequence[str]) -> None:
    if any(cell not in (NONE, "") for cell in cells):
        table.add_row(label, *cells)


def _provenance(console: Console, result: Json, *, spread: bool) -> None:
    """What it takes to get the same again, and how what was sent was understood; with `spread` what a ± above means."""
    if spread:
        console.print(Text("± is half of the 95 % interval", style="dim"))
    facts = [
        f"{label} {result[field]}"
        for label, field in (("seed", "seed"), ("engine", "engine_version"), ("blocks", "blocks"))
        if result.get(field) is not None
    ]
    if facts:
        console.print(Text(" · ".join(facts), style="dim"))
    for label, field in (("digest", "digest"), ("configuration", "configuration_hash")):
        if result.get(field):
            console.print(Text(f"{label} {result[field]}", style="dim"), soft_wrap=True)
    for note in result.get("notes") or []:
        console.print(Text(f"{note.get('pointer') or '/'}: {note.get('detail')}", style="dim"), soft_wrap=True)


def _heading(result: Json) -> str:
    facts = [str((result.get("configuration") or {}).get("casino", {}).get("name") or "")]
    facts += [f"{count(result['rounds'])} rounds"] if result.get("rounds") is not None else []
    facts += [duration(result["seconds"])] if result.get("seconds") is not None else []
    facts += [rate(result["rounds_per_second"])] if result.get("rounds_per_second") else []
    facts += [_ENDS[result["stopped"]]] if result.get("stopped") in _ENDS else []
    return " · ".join(fact for fact in facts if fact)


def _table(title: str | None) -> Table:
    return Table(
        title=Text(title) if title else None, title_justify="left", title_style="bold", box=box.SIMPLE, pad_edge=False
    )


def _players(result: Json) -> list[Json]:
    return [each for each in result.get("players") or [] if isinstance(each, dict)]


def _part(found: Any, number: int) -> Json:
    return found[number] if isinstance(found, list) and number < len(found) else {}


def _times(ratio: Any) -> str:
    return f"{ratio:.3g} times" if isinstance(ratio, int | float) else NONE


def _within(share: float | None, ends: Any) -> str:
    """A share with its interval, of which it need not be the middle."""
    return f"{percent(share)} ({_between(ends)})" if ends else percent(share)


def _between(pair: Any) -> str:
    return f"{percent(pair[0])} to {percent(pair[1])}" if pair and None not in pair else NONE


def _outcome(found: Any) -> str:
    return count(found) if isinstance(found, int | float) else NONE if found is None else str(found)
