"""A grid: a base request, and values that take the place of parts of it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from typing import Any

from libs.blackjack.configuration import Configuration
from libs.blackjack.defaults import ProfileType
from libs.blackjack.profiles.fields import Field, read_layer, said, spelling, text
from libs.blackjack.profiles.findings import Findings, Problem, pointer
from libs.blackjack.profiles.player import STRATEGIES
from libs.blackjack.profiles.resolve import FIELDS, WORDS, Profiles, flattened, player_from, resolve
from libs.blackjack.profiles.source import Found, Source, nearest, shown
from libs.simulation.orders import Axis, AxisValue
from libs.simulation.seating import configuration_of, seat
from libs.simulation.terms import TERMS_FIELDS, terms_of, too_long

__all__ = ["CELLS_MAX", "cell_configurations", "read_axes"]

CELLS_MAX = 400
AXES_MAX = 2
_WHOLE = "/session_rounds", "/win_goal"


def _kept(source: Source, _: Findings) -> Any:
    return Found(source, source.at)


_AXIS_FIELDS = (
    Field("path", "text", text(300), "A JSON pointer into the base."),
    Field("values", "table", _kept, "What takes its place, in turn."),
    Field("label", "text", text(100), "What the axis is called."),
)


def read_axes(
    source: Source | None, template: dict[str, Any], known: Profiles, findings: Findings, *, blocks: int | None
) -> tuple[Axis, ...]:
    """The axes with their values naming no profile of the user's; every cell is tried, and that it can play `blocks` blocks."""
    if source is None or not isinstance(source.value, list) or not 1 <= len(source.value) <= AXES_MAX:
        findings.problem(source.at if source else "", f"`axes` as an array of 1 or {AXES_MAX} is expected.")
        return ()
    axes = [axis for item in source.items() if (axis := _axis(item, template, known, findings)) is not None]
    if len(axes) < len(source.value):
        return ()
    cells = 1
    for axis in axes:
        cells *= len(axis.values)
    if cells > CELLS_MAX:
        findings.problem(source.at, f"At most {CELLS_MAX} cells are expected, not {cells:,}.")
        return ()
    if len(axes) == AXES_MAX and _overlap(axes[0].path, axes[1].path):
        findings.problem(pointer(source.at, 1, "path"), "Another part of the base than the first axis has is expected.")
        return ()
    _try_cells(tuple(axes), template, source, blocks, findings)
    return tuple(axes)


def _axis(source: Source, template: dict[str, Any], known: Profiles, findings: Findings) -> Axis | None:
    before = findings.count
    layer = read_layer(source, _AXIS_FIELDS, "An axis", findings)
    if "path" not in layer or "values" not in layer:
        findings.problem(source.at, "An axis with `path` and `values` is expected.")
    if findings.count > before:
        return None
    path: str = layer["path"].value
    values: Source = layer["values"].value
    kind = _kind_at(path, template)
    if kind == "nothing":
        findings.problem(layer["path"].at, _astray(path, template))
    if not isinstance(values.value, list) or not 1 <= len(values.value) <= CELLS_MAX:
        findings.problem(values.at, f"An array of 1 to {CELLS_MAX} values is expected, not {shown(values.value)}.")
    if findings.count > before:
        return None
    read = [_value(value, place, kind, known, findings) for place, value in enumerate(values.items())]
    if findings.count > before:
        return None
    return Axis(path, said(layer, "label") or path.rsplit("/", 1)[-1], tuple(read))


def _value(source: Source, place: int, kind: str, known: Profiles, findings: Findings) -> AxisValue:
    value = source.value
    label = value if isinstance(value, str) else shown(value)
    if isinstance(value, dict | list):
        named = value.get("name") if isinstance(value, dict) else None
        label = named if isinstance(named, str) and named else f"value {place + 1}"
    if kind in FIELDS:
        profile_type: ProfileType = kind
        tried = Findings()
        resolved = resolve(profile_type, source, known, tried)
        if resolved is not None and profile_type == "player":
            player_from(resolved, None, known, tried)
        for problem in tried.problems:
            findings.problem(problem.pointer, problem.detail)
        for note in tried.notes:
            findings.note(note.pointer, note.detail)
        value = flattened(profile_type, resolved, known) if resolved is not None and not tried.count else None
    return AxisValue(label[:100], value)


# Paths -----------------------------------------------------------------------------------------------------------------


def _tokens(path: str) -> list[str] | None:
    if not path.startswith("/") or re.search(r"~(?![01])", path):
        return None
    return [token.replace("~1", "/").replace("~0", "~") for token in path[1:].split("/")]


def _overlap(one: str, other: str) -> bool:
    shorter, longer = sorted((one.rstrip("/") + "/", other.rstrip("/") + "/"), key=len)
    return longer.startswith(shorter)


def _kind_at(path: str, template: dict[str, Any]) -> str:
    """The type of profile that stands at a path, "field" for a part of one, "nothing" where none can."""
    tokens = _tokens(path)
    if tokens is None:
        return "nothing"
    if path in _WHOLE:
        return "field" if template.get("mode") == "sessions" else "nothing"
    kind: ProfileType = "casino"
    inside = tokens[1:]
    if tokens[0] == "players":
        if len(tokens) < 2 or not tokens[1].isdecimal() or int(tokens[1]) >= len(template["players"]):
            return "nothing"
        kind, inside = "player", tokens[2:]
        if inside and (field := _field(kind, inside[0])) is not None and field.name in STRATEGIES:
            kind, inside = STRATEGIES[field.name], inside[1:]
    elif tokens[0] != "casino":
        return "nothing"
    if not inside:
        return kind
    known = _field(kind, inside[0])
    deep = known is not None and known.type == "table"
    return "field" if known is not None and known.name != "parent" and (deep or len(inside) == 1) else "nothing"


def _astray(path: str, template: dict[str, Any]) -> str:
    """Where a path that leads to nothing goes wrong, with what is near."""
    tokens = _tokens(path) or [""]
    inside: list[str] = []
    kind: ProfileType = "casino"
    if path in _WHOLE:
        return f"`{tokens[0]}` varies only where `mode` is `sessions`."
    if tokens[0] == "casino":
        inside = tokens[1:]
    elif tokens[0] == "players" and len(tokens) > 1:
        seats = len(template["players"])
        if not tokens[1].isdecimal() or int(tokens[1]) >= seats:
            last = f"from 0 to {seats - 1}" if seats > 1 else "0, since there is one,"
            return f"The place of a player at the base, {last} is expected in {shown(path)}, not {shown(tokens[1])}."
        kind, inside = "player", tokens[2:]
        if inside and (part := _field(kind, inside[0])) is not None and part.name in STRATEGIES:
            kind, inside = STRATEGIES[part.name], inside[1:]
    elif tokens[0] and tokens[0] != "players":
        return f"The base has no part {shown(tokens[0])}{nearest(tokens[0], ['casino', 'players'])}"
    if inside and _field(kind, inside[0]) is None:
        near = nearest(inside[0], [field.name for field in FIELDS[kind] if field.name != "parent"])
        return f"{WORDS[kind]} has no field {shown(inside[0])}{near}"
    return (
        "A part of the base is expected, such as /casino/reshuffle_penetration, /players/0/betting_strategy "
        f"or /players/0/betting_strategy/min_bet, not {shown(path)}."
    )


def _field(kind: ProfileType, name: str) -> Field | None:
    for field in FIELDS[kind]:
        if spelling(name) in {spelling(one) for one in (field.name, *field.synonyms, *field.opposites)}:
            return field
    return None


def _put(template: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy of the template with `value` at `path`. What is not on the way is shared."""
    tokens = _tokens(path) or []
    changed = dict(template)
    if path in _WHOLE:
        return changed | {tokens[0]: value}
    if tokens[0] == "casino":
        changed["casino"] = _put_inside("casino", template["casino"], tokens[1:], value)
    else:
        players = list(template["players"])
        players[int(tokens[1])] = _put_inside("player", players[int(tokens[1])], tokens[2:], value)
        changed["players"] = players
    return changed


def _put_inside(kind: ProfileType, profile: dict[str, Any], tokens: list[str], value: Any) -> Any:
    if not tokens:
        return value
    if kind == "playing_strategy" and spelling(tokens[0]) == "strategy" and len(tokens) > 1:
        tokens = tokens[1:]
    field = _field(kind, tokens[0])
    name = field.name if field is not None else tokens[0]
    rest = {key: one for key, one in profile.items() if key != name}
    if kind == "player" and name in STRATEGIES:
        return rest | {name: _put_inside(STRATEGIES[name], profile.get(name, {}), tokens[1:], value)}
    if len(tokens) == 1:
        return rest | {tokens[0]: value}
    return rest | {name: _put_deep(profile.get(name), tokens[1:], value)}


def _put_deep(inside: Any, tokens: list[str], value: Any) -> Any:
    if not tokens:
        return value
    members = dict(inside) if isinstance(inside, dict) else {}
    members[tokens[0]] = _put_deep(members.get(tokens[0]), tokens[1:], value)
    return members


# Cells -----------------------------------------------------------------------------------------------------------------


def cell_configurations(
    template: dict[str, Any], axes: tuple[Axis, ...]
) -> list[tuple[tuple[str, ...], Configuration]]:
    """Every cell with the labels of its values, the last axis varying fastest. Raises `InvalidRequest` where one is not sound."""
    cells = []
    known = Profiles.of_one_grid()
    for values in itertools.product(*(axis.values for axis in axes)):
        findings = Findings()
        configuration = _cell(template, zip(axes, values, strict=True), known, findings)
        findings.raise_problems()
        assert configuration is not None
        cells.append((tuple(value.label for value in values), configuration))
    return cells


def _cell(
    template: dict[str, Any], values: Iterable[tuple[Axis, AxisValue]], known: Profiles, findings: Findings
) -> Configuration | None:
    for axis, value in values:
        template = _put(template, axis.path, value.value)
    layer = read_layer(Source(template), (*TERMS_FIELDS, *_TABLE_FIELDS), "A table", findings)
    seating = seat(layer["casino"].value, layer["players"].value, "", known, findings)
    return configuration_of(seating, terms_of(layer), known, findings)


_TABLE_FIELDS = (Field("casino", "profile", _kept, "The casino."), Field("players", "profile", _kept, "The players."))


def _try_cells(
    axes: tuple[Axis, ...], template: dict[str, Any], given: Source, blocks: int | None, findings: Findings
) -> None:
    """Find what is wrong with each value by itself, then, where nothing is, with each pair of them."""
    before, at = findings.count, given.at
    cells = Profiles.of_one_grid()
    for number, axis in enumerate(axes):
        for place, value in enumerate(axis.values):
            where = pointer(at, number, "values", place)
            tried = Findings()
            cell = _cell(template, [(axis, value)], cells, tried)
            if cell is not None and cell.mode == "sessions" and (excess := too_long(blocks, cell.session_rounds)):
                findings.problem(where, excess)
            for problem in tried.problems:
                findings.problem(*_placed(problem, axis, value, where, given.value[number], place))
            for note in tried.notes:
                if note.pointer == axis.path:
                    findings.note(where, note.detail)
    if findings.count > before or len(axes) == 1:
        return
    rows, columns = axes
    for row in rows.values:
        for place, column in enumerate(columns.values):
            tried = Findings()
            _cell(template, [(rows, row), (columns, column)], cells, tried)
            for problem in tried.problems:
                findings.problem(
                    pointer(at, 1, "values", place),
                    f"With {row.label} for {rows.label} and {column.label} for {columns.label}: {problem.detail}",
                )


def _placed(problem: Problem, axis: Axis, value: AxisValue, where: str, given: Any, place: int) -> tuple[str, str]:
    """A problem of a cell as one of the value that was put there, as deep inside it as the user wrote it so."""
    if problem.pointer != axis.path and not problem.pointer.startswith(axis.path + "/"):
        return where, f"With {value.label} for {axis.label}: {problem.detail}"
    inside: Any = next(one for key, one in given.items() if spelling(key) == "values")[place]
    rest = problem.pointer[len(axis.path) :]
    for token in _tokens(rest) or [] if rest else []:
        if isinstance(inside, dict) and token in inside:
            inside = inside[token]
        elif isinstance(inside, list) and token.isdecimal() and int(token) < len(inside):
            inside = inside[int(token)]
        else:
            return where, problem.detail
    return where + rest, problem.detail
