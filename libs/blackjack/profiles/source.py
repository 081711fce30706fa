"""What a user wrote, and where each part of it stands."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Generic, TypeVar

from libs.blackjack.profiles.findings import Findings, pointer

__all__ = ["Found", "Source", "nearest", "shown", "sound_json"]

DEPTH_MAX = 24
VALUES_MAX = 200_000
TEXT_MAX = 10_000

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """A value that was understood, and where it was written."""

    value: T
    at: str


@dataclass(frozen=True, slots=True)
class Source:
    """A JSON value and its place. What is inside a profile that was only named stands where the name stands (`named`)."""

    value: Any
    at: str = ""
    named: bool = False

    def child(self, key: str | int) -> Source:
        return Source(self.value[key], self.at if self.named else pointer(self.at, key), self.named)

    def members(self) -> Iterator[tuple[str, Source]]:
        """The members of an object."""
        return ((key, self.child(key)) for key in self.value)

    def items(self) -> Iterator[Source]:
        """The items of an array."""
        return (self.child(place) for place in range(len(self.value)))


def shown(value: object) -> str:
    """A value as a sentence quotes it: short, whatever it is."""
    match value:
        case None | True | False:
            return {None: "null", True: "true", False: "false"}[value]
        case str():
            return f'"{value[:37]}..."' if len(value) > 40 else f'"{value}"'
        case int() if abs(value) >= 10**18:
            return "a huge number"
        case int() | float():
            return str(value)
        case list():
            return f"an array of {len(value)}"
        case dict():
            return "an object"
        case _:
            return "something that is not JSON"


def nearest(name: str, known: Iterator[str] | list[str]) -> str:
    """Ends a sentence: "; did you mean `a` or `b`?", or what is known where nothing is near and the list is short."""
    names = sorted(set(known))
    near = get_close_matches(name.lower()[:100], names, n=3, cutoff=0.6)
    if near:
        return f"; did you mean {' or '.join(f'`{one}`' for one in near)}?"
    return f"; known are {', '.join(f'`{one}`' for one in names)}." if 0 < len(names) <= 20 else "."


def sound_json(value: Any, at: str, findings: Findings) -> bool:
    """Whether `value` is JSON of a sane size, so that reading it can be trusted to end; problems are found otherwise."""
    pending: list[tuple[Any, str, int]] = [(value, at, 0)]
    seen = 0
    sound = True
    while pending:
        one, where, depth = pending.pop()
        seen += 1
        if seen > VALUES_MAX:
            findings.problem(at, f"This holds more than {VALUES_MAX} values; fewer are expected.")
            return False
        problem = _unsound(one, depth)
        if problem is not None:
            findings.problem(where, problem)
            sound = False
        elif isinstance(one, dict):
            for key, inner in one.items():
                if not isinstance(key, str) or not _is_text(key):
                    findings.problem(where, "A name in this object is not text of a sane length.")
                    sound = False
                else:
                    pending.append((inner, pointer(where, key), depth + 1))
        elif isinstance(one, list):
            pending.extend((inner, pointer(where, place), depth + 1) for place, inner in enumerate(one))
    return sound


def _unsound(value: Any, depth: int) -> str | None:
    match value:
        case None | bool() | int():
            return None
        case float():
            return None if math.isfinite(value) else "A finite number is expected."
        case str():
            return None if _is_text(value) else f"Text of at most {TEXT_MAX} characters is expected."
        case list() | dict():
            return None if depth < DEPTH_MAX else f"This is nested more than {DEPTH_MAX} deep."
        case _:
            return "Something that JSON can hold is expected."


def _is_text(value: str) -> bool:
    if len(value) > TEXT_MAX:
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
