"""Everything that can be true of a profile. The snake-case names are subjects and stored for ever, and no other aggregate has the same."""

from __future__ import annotations

from typing import Any

from libs.events.codec import EventRegistry
from libs.events.event import Event

__all__ = ["EVENTS", "ProfileChangeRefused", "ProfileCreated", "ProfileDeleted", "ProfileEvent", "ProfileUpdated"]


class ProfileCreated(Event, frozen=True, kw_only=True):
    """There is a profile of this name; again after a `profile_deleted`, since the same name is the same profile."""

    profile_type: str
    name: str
    data: Any


class ProfileUpdated(Event, frozen=True, kw_only=True):
    """The profile holds these data from now on, all of them. `name` where its spelling changed too."""

    data: Any
    name: str | None = None


class ProfileDeleted(Event, frozen=True, kw_only=True):
    """The owner does not want it any more."""


class ProfileChangeRefused(Event, frozen=True, kw_only=True):
    """A command could not be obeyed; `allowed` says which verbs can be now."""

    verb: str
    code: str
    reason: str
    allowed: tuple[str, ...] = ()


ProfileEvent = ProfileCreated | ProfileUpdated | ProfileDeleted | ProfileChangeRefused

EVENTS: EventRegistry[ProfileEvent] = EventRegistry(ProfileEvent.__args__)
