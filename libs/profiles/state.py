"""A profile as its events leave it, deleted ones included. Immutable."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from libs.events.commands import Refusal
from libs.events.subjects import StreamId

__all__ = ["FOLD_VERSION", "HANDLED_MAX", "REFUSED_MAX", "Profile"]

FOLD_VERSION = 1  # raised whenever `evolve` or this state changes meaning: snapshots of another version are dropped
HANDLED_MAX = 1_000
REFUSED_MAX = 50


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a decision, or a reader of the profile, may need to know.

    `version` counts all events; `revision` is the version of the latest that changed the profile, so that a refusal makes nobody's copy
    outdated. Likewise `updated_at` is the time of the latest event, `changed_at` that of the latest change: the one to show to people.
    """

    stream: StreamId
    profile_type: str
    name: str
    data: Any
    version: int
    revision: int
    created_at: datetime
    updated_at: datetime
    changed_at: datetime
    deleted: bool = False  # then `data` is null

    handled: tuple[UUID, ...] = ()  # the latest HANDLED_MAX commands that made an event: a repeat changes nothing
    refused: dict[UUID, Refusal] = {}  # of those, the latest REFUSED_MAX that were refused, oldest first
    commands_decided: int = 0  # the stream sequence of the latest command that made an event
