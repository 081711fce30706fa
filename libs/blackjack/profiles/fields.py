"""The fields of profiles: what each is called, what it holds, and how a layer of a profile is read and merged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from libs.blackjack.profiles.findings import Findings
from libs.blackjack.profiles.source import Found, Source, nearest, shown
from libs.blackjack.profiles.written import note_text, number_in, yes_or_no

__all__ = [
    "DESCRIPTION",
    "NAME",
    "PARENT",
    "UNREAD",
    "Field",
    "Layer",
    "Members",
    "Reader",
    "boolean",
    "choice",
    "integer",
    "merge",
    "number",
    "plain",
    "profile_or_name",
    "read_layer",
    "said",
    "spelling",
    "text",
    "whole",
]

Layer = dict[str, Any]
"""What one profile says, by the fields' own names: `Found` values, or `Members` where a profile inherits member by member."""


class Members(dict[str, Any]):
    """An object whose members are inherited one by one, with its place."""

    def __init__(self, members: dict[str, Any], at: str) -> None:
        super().__init__(members)
        self.at = at


UNREAD = object()
"""What stands for a value that was written and could not be read; its problem is found already."""

Reader = Callable[[Source, Findings], Any]
"""Reads one value: a `Found`, `Members`, or `UNREAD`."""

NAME_MAX = 100


@dataclass(frozen=True)
class Field:
    """One field with everything a form needs to offer it."""

    name: str
    type: Literal["boolean", "integer", "number", "choice", "text", "table", "profile"]
    read: Reader
    description: str
    default: Any = None
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    synonyms: tuple[str, ...] = ()
    opposites: tuple[str, ...] = ()
    """Names under which people write the contrary of a boolean."""


def spelling(name: str) -> str:
    """The form in which names are compared: case, hyphens and spaces make no difference."""
    return name.strip().lower().replace("-", "_").replace(" ", "_")


def read_layer(source: Source, fields: Sequence[Field], what: str, findings: Findings) -> Layer:
    """Read an object's members; unknown names, wrong values and contradictions become problems."""
    if not isinstance(source.value, dict):
        findings.problem(source.at, f"{what} as an object or the name of one is expected, not {shown(source.value)}.")
        return {}
    spelled = {spelling(name): field for field in fields for name in (field.name, *field.synonyms)}
    contrary = {spelling(name): field for field in fields for name in field.opposites}
    layer: Layer = {}
    written: dict[str, str] = {}
    for key, member in source.members():
        field = spelled.get(spelling(key)) or contrary.get(spelling(key))
        if field is None and findings.full:
            continue
        if field is None:
            near = nearest(key, [*(field.name for field in fields)])
            findings.problem(member.at, f"{what} has no field {shown(key)}{near}")
            continue
        found = field.read(member, findings)
        if found is UNREAD:
            layer.setdefault(field.name, UNREAD)
            continue
        if spelling(key) in contrary:
            found = Found(not found.value, found.at)
            findings.note(
                member.at, f"`{key}`: {shown(not found.value)} was read as `{field.name}`: {shown(found.value)}."
            )
        elif key != field.name:
            findings.note(member.at, f"`{key}` was read as `{field.name}`.")
        if field.name not in layer:
            layer[field.name], written[field.name] = found, key
        elif layer[field.name] is not UNREAD and plain(layer[field.name]) != plain(found):
            findings.problem(
                member.at, f"`{key}` contradicts `{written[field.name]}`; one of them is expected, or both the same."
            )
    return layer


def merge(below: Layer, above: Layer) -> Layer:
    """`below` as changed by `above`: objects member by member, everything else as a whole."""
    merged = dict(below)
    for name, value in above.items():
        old = merged.get(name)
        both = isinstance(old, Members) and isinstance(value, Members)
        merged[name] = Members(merge(old or {}, value), value.at) if both else value
    return merged


def said(layer: Layer, name: str, default: Any = None) -> Any:
    """The value of a field; `default` where the layer says none, or none that could be read."""
    found = layer.get(name)
    return found.value if isinstance(found, Found) else default


def plain(value: Any) -> Any:
    """What was found, without its places."""
    match value:
        case Found():
            return plain(value.value)
        case Source():
            return value.value
        case dict():
            return {key: plain(inner) for key, inner in value.items()}
        case tuple() | list():
            return [plain(inner) for inner in value]
        case _:
            return value


# Readers ---------------------------------------------------------------------------------------------------------------


def boolean(source: Source, findings: Findings) -> Any:
    value = yes_or_no(source.value)
    if not isinstance(value, bool):
        findings.problem(source.at, f"true or false is expected, not {shown(source.value)}.")
        return UNREAD
    note_text(source, value, findings)
    return Found(value, source.at)


def whole(value: Any) -> int | None:
    """The whole number that a JSON number is; 6.0 is 6."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    return int(value) if isinstance(value, float) and value.is_integer() else None


def integer(minimum: int, maximum: int, what: str = "A whole number", *, null: bool = False) -> Reader:
    def read(source: Source, findings: Findings) -> Any:
        if null and source.value is None:
            return Found(None, source.at)
        value = whole(number_in(source.value))
        if value is None or not minimum <= value <= maximum:
            or_null = " or null" if null else ""
            expected = f"{what} from {minimum:,} to {maximum:,}{or_null} is expected"
            findings.problem(source.at, f"{expected}, not {shown(source.value)}.")
            return UNREAD
        note_text(source, value, findings)
        return Found(value, source.at)

    return read


def number(
    minimum: float,
    maximum: float,
    what: str = "A number",
    *,
    step: str | None = None,
    above: bool = False,
    null: bool = False,
    percent: bool = False,
) -> Reader:
    """A number from `minimum` (or `above` it) to `maximum`, a multiple of `step` where that is given; `percent` for shares."""

    def read(source: Source, findings: Findings) -> Any:
        value = number_in(source.value, percent=percent)
        if null and value is None:
            return Found(None, source.at)
        fits = isinstance(value, int | float) and not isinstance(value, bool) and minimum <= value <= maximum
        if fits and not (above and value == minimum):
            exact = Decimal(str(value))
            if step is None or exact % Decimal(step) == 0:
                note_text(source, value, findings)
                return Found(float(value) + 0.0, source.at)  # -0.0 is 0
        span = f"{'above' if above else 'from'} {minimum:,g} {'up ' if above else ''}to {maximum:,.15g}"
        multiple = f", a multiple of {step}," if step is not None else ""
        or_null = " or null" if null else ""
        findings.problem(source.at, f"{what} {span}{multiple}{or_null} is expected, not {shown(source.value)}.")
        return UNREAD

    return read


def choice(choices: Sequence[str], others: dict[str, str] | None = None) -> Reader:
    """One of `choices`; `others` are further ways to write them."""
    spelled = {spelling(one): one for one in choices} | {spelling(key): one for key, one in (others or {}).items()}

    def read(source: Source, findings: Findings) -> Any:
        found = spelled.get(spelling(source.value)) if isinstance(source.value, str) else None
        if found is None:
            expected = ", ".join(f"`{one}`" for one in choices)
            findings.problem(source.at, f"One of {expected} is expected, not {shown(source.value)}.")
            return UNREAD
        if found != source.value:
            findings.note(source.at, f"{shown(source.value)} was read as `{found}`.")
        return Found(found, source.at)

    return read


def text(length: int, *, lines: bool = False) -> Reader:
    def read(source: Source, findings: Findings) -> Any:
        value = source.value
        if not isinstance(value, str) or len(value) > length or any(_unprintable(value, lines=lines)):
            findings.problem(source.at, f"Text of at most {length} printable characters is expected.")
            return UNREAD
        return Found(value, source.at)

    return read


def _unprintable(value: str, *, lines: bool) -> Iterator[bool]:
    return (not character.isprintable() and not (lines and character in "\n\t") for character in value)


def profile_or_name(source: Source, findings: Findings) -> Any:
    """Keeps the source; what it says is read where its type is known."""
    if not isinstance(source.value, str | dict):
        findings.problem(source.at, f"The name of a profile or a whole one is expected, not {shown(source.value)}.")
        return UNREAD
    return Found(source, source.at)


NAME = Field("name", "text", text(NAME_MAX), "What it is called in results.")
DESCRIPTION = Field(
    "description", "text", text(1000, lines=True), "For people; it changes nothing.", synonyms=("comment",)
)
"""Every profile may have one."""
PARENT = Field(
    "parent", "profile", profile_or_name, "The profile that everything is inherited from that is not said here."
)
