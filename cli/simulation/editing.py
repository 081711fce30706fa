"""Requests as people put them together: from files, names and single values at a path."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import click
import msgspec

__all__ = ["Json", "assign", "axis", "named_or_file", "pointer", "read_document", "rounds", "share", "value"]

Json = dict[str, Any]

# What a profile that the request leaves out, and of which one rule is set, inherits from.
DEFAULT_CASINO = "six_deck_s17"
_PARTS = ("playing_strategy", "betting_strategy", "counting_strategy")
_SUFFIXES = {"k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


def rounds(text: str) -> int:
    """A whole number of rounds, in any of the forms people write large numbers in."""
    plain = text.replace("_", "").replace(",", "").strip()
    size = _SUFFIXES.get(plain[-1:], 1)
    try:
        number = float(plain[:-1] if size > 1 else plain) * size
    except ValueError:
        number = -1.0
    if not 1 <= number <= 1e15 or number != int(number):
        raise click.BadParameter(f"{text!r} is no number of rounds; expected one like 1000000, 1e9 or 500M")
    return int(number)


def share(text: str) -> float:
    """A share of one, also in percent."""
    plain = text.strip()
    try:
        return float(plain.removesuffix("%")) / (100 if plain.endswith("%") else 1)
    except ValueError:
        raise click.BadParameter(f"{text!r} is no share; expected one like 1e-4 or 0.01%") from None


def named_or_file(text: str) -> Any:
    """A profile by its name, out of a file (a path that ends in .json or holds a slash, or - for standard input), or written
    out as a JSON object."""
    if text.lstrip().startswith("{"):
        return _decoded(text.encode(), "what was given")
    return read_document(text) if text == "-" or text.endswith(".json") or "/" in text else text


def read_document(path: str) -> Any:
    """The JSON in a file, or on standard input for `-`. Raises `UsageError` with the reason."""
    if path == "-":
        return _decoded(sys.stdin.buffer.read(), "standard input")
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise click.UsageError(f"{path} cannot be read: {error.strerror}") from None
    return _decoded(content, path)


def value(text: str) -> Any:
    """A value as typed: JSON where it is JSON, else the words themselves."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text


def assign(document: Json, assignment: str) -> None:
    """Carry out `casino.hit_on_soft_17=true`. A profile that is there by its name becomes one that inherits from it.
    Raises `UsageError` for a path that leads nowhere."""
    path, equals, text = assignment.partition("=")
    keys = _keys(path)
    if not equals or not keys:
        raise click.UsageError(f"{assignment!r} sets nothing; expected PATH=VALUE, as casino.hit_on_soft_17=true")
    place: Any = document
    for depth, key in enumerate(keys[:-1]):
        place = _entered(place, key, keys[: depth + 1])
    if isinstance(place, list):
        place[_position(place, keys[-1], keys)] = value(text)
    elif isinstance(place, dict):
        place[keys[-1]] = value(text)
    else:
        raise click.UsageError(f"{pointer(path)} leads into {place!r}, which has no parts")


def axis(text: str) -> Json:
    """An axis of a sweep from `PATH=A,B,C`, `PATH=[JSON, ...]` or, for numbers, `PATH=FROM:TO:STEP` with both ends."""
    path, equals, values = text.partition("=")
    if not equals or not path or not values:
        raise click.UsageError(f"{text!r} is no axis; expected PATH=VALUE,VALUE,... or PATH=FROM:TO:STEP")
    if values.startswith("["):
        found = value(values)
        if not isinstance(found, list):
            raise click.UsageError(f"{values!r} is no JSON array")
    elif re.fullmatch(r"-?[\d.]+:-?[\d.]+:[\d.]+", values):
        found = _steps(values)
    else:
        found = [value(each.strip()) for each in values.split(",")]
    return {"path": pointer(path), "values": found}


def pointer(path: str) -> str:
    """A dotted path as a JSON pointer; pointers stay as they are."""
    return path if path.startswith("/") else "".join(f"/{key}" for key in _keys(path))


def _keys(path: str) -> list[str]:
    path = path.strip()
    if path.startswith("/"):
        return [key.replace("~1", "/").replace("~0", "~") for key in path[1:].split("/")]
    return [key for key in path.split(".") if key]


def _entered(place: Any, key: str, way: list[str]) -> Any:
    """What lies at `key`, made into something with parts."""
    if isinstance(place, list):
        position = _position(place, key, way)
        if isinstance(place[position], str):
            place[position] = {"parent": place[position]}
        return place[position]
    if not isinstance(place, dict):
        raise click.UsageError(f"/{'/'.join(way)} leads into {place!r}, which has no parts")
    match place.get(key):
        case str(name):
            place[key] = {"parent": name}
        case None if key == "players":
            place[key] = [{}]
        case None if key in _PARTS:
            start = f"{'.'.join(way)}=NAME"
            raise click.UsageError(f"there is no {key} yet that a part of could be set; set it first: --set {start}")
        case None:
            place[key] = {"parent": DEFAULT_CASINO} if key == "casino" else {}
    return place[key]


def _position(place: list[Any], key: str, way: list[str]) -> int:
    if not key.isdecimal() or int(key) >= len(place):
        raise click.UsageError(f"/{'/'.join(way)} is not there; expected a number from 0 to {len(place) - 1}")
    return int(key)


def _steps(text: str) -> list[float | int]:
    first, last, step = text.split(":")
    digits = max(len(each.partition(".")[2]) for each in (first, last, step))
    size = float(step)
    if size <= 0 or float(last) < float(first) or (float(last) - float(first)) / size > 1000:
        raise click.UsageError(f"{text!r} has no sensible steps; expected FROM:TO:STEP with FROM below TO")
    total = int((float(last) - float(first)) / size + 1e-9)
    found = [round(float(first) + number * size, digits) for number in range(total + 1)]
    return [int(each) for each in found] if digits == 0 else found


def _decoded(content: bytes, where: str) -> Any:
    try:
        return msgspec.json.decode(content)
    except msgspec.DecodeError as error:
        raise click.UsageError(f"{where} is not JSON: {error}") from None
