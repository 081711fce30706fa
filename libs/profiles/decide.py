"""Deciding: which events a command makes of a profile. Pure; decided twice, a command changes nothing the second time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, assert_never
from uuid import UUID

import msgspec

from libs.events.errors import NoSuchAggregate
from libs.events.subjects import StreamId
from libs.profiles.commands import CreateProfile, DeleteProfile, ProfileCommand, UpdateProfile
from libs.profiles.events import ProfileChangeRefused, ProfileCreated, ProfileDeleted, ProfileEvent, ProfileUpdated
from libs.profiles.identity import profile_id
from libs.profiles.state import Profile

__all__ = ["NoSuchProfile", "WrongProfile", "allowed", "decide"]


class NoSuchProfile(NoSuchAggregate):
    """There never was such a profile; tell whoever asked."""


class WrongProfile(ValueError):
    """The command names another profile than the one it was sent to; nobody should obey it."""


def allowed(profile: Profile) -> tuple[str, ...]:
    """The verbs that can be used on the profile as it stands."""
    return (CreateProfile.verb,) if profile.deleted else (UpdateProfile.verb, DeleteProfile.verb)


def decide(
    stream: StreamId, profile: Profile | None, command: ProfileCommand, *, command_id: UUID, sequence: int = 0
) -> Sequence[ProfileEvent]:
    """The events that the command makes of the profile on `stream`, none where it changes nothing (a repeat above all).

    `sequence` is the command's place in COMMANDS: what was decided, with whatever came of it, before a later command was, is not decided
    again. What may not be done becomes `ProfileChangeRefused`. Raises `NoSuchProfile` and `WrongProfile`.
    """
    if profile is not None and (command_id in profile.handled or 0 < sequence <= profile.commands_decided):
        return []
    match command:
        case CreateProfile():
            if profile_id(stream.owner, command.profile_type, command.name) != stream.id:
                raise WrongProfile(f"a {command.profile_type} called {command.name!r} has another id")
            if profile is not None and not profile.deleted:
                reason = f"there is a {_noun(profile)} called {profile.name!r} already"
                return _refuse(profile, command.verb, "profile_exists", reason)
            return [ProfileCreated(profile_type=command.profile_type, name=command.name, data=command.data)]
        case UpdateProfile():
            return _update(profile, command)
        case DeleteProfile():
            if profile is None or profile.deleted:
                return []
            return _outdated(profile, command) or [ProfileDeleted()]
        case _:
            assert_never(command)


def _update(profile: Profile | None, command: UpdateProfile) -> Sequence[ProfileEvent]:
    if profile is None:
        raise NoSuchProfile
    if profile.deleted:
        return _refuse(profile, command.verb, "no_such_profile", f"the {_noun(profile)} {profile.name!r} was deleted")
    name = profile.name if command.name is None else command.name
    if profile_id(profile.stream.owner, profile.profile_type, name) != profile.stream.id:
        reason = f"the {_noun(profile)} {profile.name!r} keeps its name; copy it under another and delete this one"
        return _refuse(profile, command.verb, "profile_name_fixed", reason)
    if refused := _outdated(profile, command):
        return refused
    if name == profile.name and _same(command.data, profile.data):
        return []
    return [ProfileUpdated(data=command.data, name=None if name == profile.name else name)]


def _same(data: Any, other: Any) -> bool:
    # As JSON, since to Python 1, 1.0 and true are equal.
    return msgspec.json.encode(data, order="deterministic") == msgspec.json.encode(other, order="deterministic")


def _outdated(profile: Profile, command: UpdateProfile | DeleteProfile) -> Sequence[ProfileEvent]:
    """A refusal, where whoever sent the command has not seen the profile as it is now."""
    expected = command.expected_version
    if expected is None or profile.revision <= expected <= profile.version:
        return []
    reason = f"the {_noun(profile)} {profile.name!r} is at version {profile.revision}, not {expected}"
    return _refuse(profile, command.verb, "profile_changed", reason)


def _refuse(profile: Profile, verb: str, code: str, reason: str) -> Sequence[ProfileEvent]:
    return [ProfileChangeRefused(verb=verb, code=code, reason=reason, allowed=allowed(profile))]


def _noun(profile: Profile) -> str:
    return profile.profile_type.replace("_", " ")
