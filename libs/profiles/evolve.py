"""Folding: what each event makes of a profile. It never judges; whether an event may happen was decided before it was stored."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, assert_never

from msgspec.structs import replace

from libs.events.commands import Refusal
from libs.events.event import Recorded
from libs.profiles.events import ProfileChangeRefused, ProfileCreated, ProfileDeleted, ProfileEvent, ProfileUpdated
from libs.profiles.state import HANDLED_MAX, REFUSED_MAX, Profile

__all__ = ["evolve", "fold"]


def fold(history: Iterable[Recorded[ProfileEvent]], profile: Profile | None = None) -> Profile | None:
    """The profile after these events, or None where there are none."""
    for recorded in history:
        profile = evolve(profile, recorded)
    return profile


def evolve(profile: Profile | None, recorded: Recorded[ProfileEvent]) -> Profile:
    """The profile after one more event. The first must be `ProfileCreated`."""
    if profile is None:
        profile = _unmade(recorded)
    envelope: dict[str, Any] = {"version": recorded.version, "updated_at": recorded.time}
    cause = recorded.cause
    if cause.command_sequence is not None and cause.causation_id is not None:
        envelope["handled"] = (*profile.handled, cause.causation_id)[-HANDLED_MAX:]
        envelope["commands_decided"] = max(cause.command_sequence, profile.commands_decided)
        if isinstance(refused := recorded.event, ProfileChangeRefused):
            said = Refusal(code=refused.code, reason=refused.reason, allowed=refused.allowed)
            latest = list(profile.refused.items())[1 - REFUSED_MAX :]
            envelope["refused"] = {**dict(latest), cause.causation_id: said}
    return replace(profile, **envelope, **_changes(recorded))


def _unmade(recorded: Recorded[ProfileEvent]) -> Profile:
    """What there is before the first event: nothing, as after a deletion."""
    if not isinstance(recorded.event, ProfileCreated):
        raise TypeError(f"a profile's history begins with profile_created, not with {recorded.type}")
    time = recorded.time
    return Profile(
        stream=recorded.stream,
        profile_type=recorded.event.profile_type,
        name=recorded.event.name,
        data=None,
        version=0,
        revision=0,
        created_at=time,
        updated_at=time,
        changed_at=time,
        deleted=True,
    )


def _changes(recorded: Recorded[ProfileEvent]) -> dict[str, Any]:
    event = recorded.event
    changed = {"revision": recorded.version, "changed_at": recorded.time}
    match event:
        case ProfileCreated():
            return changed | {
                "profile_type": event.profile_type,
                "name": event.name,
                "data": event.data,
                "created_at": recorded.time,
                "deleted": False,
            }
        case ProfileUpdated():
            return changed | {"data": event.data} | ({} if event.name is None else {"name": event.name})
        case ProfileDeleted():
            return changed | {"data": None, "deleted": True}
        case ProfileChangeRefused():
            return {}
        case _:
            assert_never(event)
