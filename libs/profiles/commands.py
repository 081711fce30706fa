"""What people can want of a profile; it travels on `cmd.<owner>.<profile>.<verb>`.

A command holds what it must by itself: one with an impossible name, or data past the limit, cannot be made and raises `ValueError`. Whether
the data mean anything was judged before, by whoever knows the profile's type.
"""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from libs.profiles.identity import problem_of_name, problem_of_type

__all__ = ["DATA_BYTES_MAX", "VERBS", "WIRE", "CreateProfile", "DeleteProfile", "ProfileCommand", "UpdateProfile"]

DATA_BYTES_MAX = 256 * 1024


class _Command(msgspec.Struct, frozen=True, kw_only=True):
    pass


class CreateProfile(_Command, frozen=True, kw_only=True):
    """Make the profile, on the stream that its name gives. Refused where there is one of this name."""

    verb: ClassVar[str] = "profile_create"
    profile_type: str
    name: str
    data: Any

    def __post_init__(self) -> None:
        for problem in (problem_of_type(self.profile_type), problem_of_name(self.name), _problem_of_data(self.data)):
            if problem is not None:
                raise ValueError(problem)


class UpdateProfile(_Command, frozen=True, kw_only=True):
    """Replace the profile's data. With an `expected_version`, refused where it was changed after that version.

    A `name` may change how the profile's own is spelt; any other is refused, since another name is another profile.
    """

    verb: ClassVar[str] = "profile_update"
    data: Any
    name: str | None = None
    expected_version: int | None = None

    def __post_init__(self) -> None:
        name = None if self.name is None else problem_of_name(self.name)
        for problem in (name, _problem_of_data(self.data)):
            if problem is not None:
                raise ValueError(problem)


class DeleteProfile(_Command, frozen=True, kw_only=True):
    """Delete the profile; a second time changes nothing. `expected_version` counts as for `UpdateProfile`."""

    verb: ClassVar[str] = "profile_delete"
    expected_version: int | None = None


ProfileCommand = CreateProfile | UpdateProfile | DeleteProfile

WIRE: dict[str, type[ProfileCommand]] = {each.verb: each for each in ProfileCommand.__args__}

# Which service decides which verb.
VERBS: dict[str, str] = dict.fromkeys(WIRE, "runner")


def _problem_of_data(data: Any) -> str | None:
    try:
        size = len(msgspec.json.encode(data))
    except (msgspec.MsgspecError, TypeError, OverflowError, RecursionError) as error:
        return f"A profile's data are JSON: {error}."
    if size > DATA_BYTES_MAX:
        return f"A profile's data have at most {DATA_BYTES_MAX // 1024} KiB; these have {size // 1024 + 1}."
    return None
