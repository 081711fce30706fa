"""The requirements summary as data: its marker, its sections, and the numbers R1, R2, ... everybody traces by."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import msgspec

__all__ = [
    "MARKER",
    "OPEN",
    "SECTIONS",
    "Requirement",
    "neutralise_marker",
    "number_requirements",
    "sections_of",
    "split_marker",
]

MARKER = "REQUIREMENTS_SUMMARY:"
"""Ends the conversation where it starts a line of the agent's own message; anywhere else it is just text."""

SECTIONS = ("Idea", "Problem", "Audience", "Features", "Success measures", "Constraints", "Other")
"""The summary's sections in their order; `Idea` and `Other` hold what belongs to none of the rest."""

OPEN = "_Open: not answered._"
"""What a section says that nobody answered."""

_REQUIRING = ("Features", "Constraints", "Other")
_MARKER_LINE = re.compile(r"^[ \t]*(?:[*_#]{1,3}[ \t]*)?REQUIREMENTS_SUMMARY:(?:\*\*|__)?[ \t]*", re.MULTILINE)
_HEADING = re.compile(r"^#{1,6}\s+(?P<hash>.+?)\s*#*$|^\*\*(?P<bold>[^*]+?):?\*\*:?$")
_BULLET = re.compile(r"^\s*(?:[-*+]|\d{1,3}[.)])\s+(?P<text>.+)$")
_OPEN = re.compile(r"^_?open: not answered\.?_?$", re.IGNORECASE)


class Requirement(msgspec.Struct, frozen=True):
    """One line of the summary that the build must satisfy, in the person's words; `id` is R1, R2, ..."""

    id: str
    area: str
    text: str


def split_marker(message: str) -> tuple[str, str | None]:
    """The agent's own message as (what precedes the marker's line, the summary after it); (message, None) without one.

    Bold or heading marks around the marker are tolerated, since real models write them; a marker inside a line is text.
    """
    found = _MARKER_LINE.search(message)
    if found is None:
        return message, None
    return message[: found.start()].rstrip(), message[found.end() :].strip()


def neutralise_marker(text: str) -> str:
    """The same words, with no line that could be taken for the marker's: such lines become quotations."""
    return _MARKER_LINE.sub(lambda found: "> " + found.group(0).lstrip(), text)


def sections_of(summary: str) -> Mapping[str, tuple[str, ...]]:
    """The summary's entries by section title, in order; text before the first heading is under `Other`.

    Bullets and plain lines are entries; a line that says a section is open is none."""
    found: dict[str, list[str]] = {}
    title = "Other"
    for heading, entry in _lines(summary):
        if heading is not None:
            title = heading
        elif not _OPEN.match(entry):
            found.setdefault(title, []).append(entry)
    return {name: tuple(entries) for name, entries in found.items()}


def number_requirements(summary: str) -> tuple[Requirement, ...]:
    """The summary's requirements, numbered R1, R2, ... in order: the same summary always gives the same numbers.

    They are the entries of Features, Constraints and Other; where there is none of these, every entry there is."""
    sections = sections_of(summary)
    wanted = [(area, entry) for area in _REQUIRING for entry in sections.get(area, ())]
    entries = wanted or [(area, entry) for area, all_ in sections.items() for entry in all_]
    return tuple(Requirement(f"R{number}", area, text) for number, (area, text) in enumerate(entries, start=1))


def _lines(summary: str) -> Iterator[tuple[str | None, str]]:
    """(heading, "") or (None, entry) for each line that says something."""
    for raw in summary.splitlines():
        line = raw.strip()
        if not line:
            continue
        if heading := _HEADING.match(line):
            yield _canonical((heading["hash"] or heading["bold"] or "").strip(" *:")), ""
        elif bullet := _BULLET.match(raw):
            yield None, bullet["text"].strip()
        else:
            yield None, line


def _canonical(heading: str) -> str:
    """The known section a heading names, else the heading itself."""
    plain = heading.casefold()
    for title in SECTIONS:
        if title.casefold() in plain or (title == "Success measures" and "success" in plain):
            return title
    return heading
