"""Which profile a name stands for: its id follows from owner, type and name, so that two of one name cannot come to be."""

from __future__ import annotations

import unicodedata
from uuid import UUID, uuid5

from libs.events.subjects import StreamId, is_name

__all__ = ["NAME_CHARACTERS_MAX", "name_key", "problem_of_name", "problem_of_type", "profile_id", "profile_stream"]

NAME_CHARACTERS_MAX = 100


def profile_id(owner: UUID, profile_type: str, name: str) -> UUID:
    """The one id that a profile of this owner, type and name has, had or will have; it can be looked up without any table."""
    return uuid5(owner, f"profile/{profile_type}/{name_key(name)}")


def profile_stream(owner: UUID, profile_type: str, name: str) -> StreamId:
    """Where its history lies."""
    return StreamId(owner, profile_id(owner, profile_type, name))


def name_key(name: str) -> str:
    """What two spellings of one name have in common: case, width and the length of spaces make no difference."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return " ".join(folded.split())


def problem_of_name(name: str) -> str | None:
    """Why no profile can be called so, as one sentence; None where it can."""
    if not name or not name_key(name):
        return "A profile's name is not empty."
    if len(name) > NAME_CHARACTERS_MAX:
        return f"A profile's name has at most {NAME_CHARACTERS_MAX} characters."
    if not name.isprintable():
        return "A profile's name has no line breaks and no control characters."
    if name != name.strip():
        return "A profile's name does not begin or end with a space."
    return None


def problem_of_type(profile_type: str) -> str | None:
    """The same for the name of a type of profiles."""
    if is_name(profile_type):
        return None
    return "A type of profiles is named by at most 128 lower-case letters, digits, '_' and '-'."
