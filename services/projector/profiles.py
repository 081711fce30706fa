"""What each event makes of a profile's row. Pure, as `views` is for jobs; it agrees with the fold of `libs.profiles.evolve`."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

import msgspec

from libs.profiles.events import ProfileChangeRefused, ProfileCreated, ProfileDeleted, ProfileEvent, ProfileUpdated
from services.projector.model import DeletedProfileRow, ProfileRow
from services.projector.views import Inconsistent

if TYPE_CHECKING:
    from services.projector.entry import Entry

__all__ = ["ProfileState", "after"]

ProfileState = ProfileRow | DeletedProfileRow
"""A profile is in one of the two tables; before its first event in neither."""

_encode = msgspec.json.Encoder().encode


def after(row: ProfileState | None, entry: Entry, event: ProfileEvent) -> ProfileState:
    """The row after one more event. Raises `Inconsistent` where the event does not follow the profile's last one."""
    last = 0 if row is None else row.version
    if entry.version != last + 1:
        raise Inconsistent(f"version {entry.version} follows version {last}")
    version, sequence, now = entry.version, entry.sequence, entry.time
    match event:
        case ProfileCreated():
            if not isinstance(row, ProfileRow):
                what = (event.profile_type, event.name, _encode(event.data).decode())
                return ProfileRow(entry.aggregate_id, entry.owner_id, *what, version, sequence, now, now)
        case ProfileUpdated():
            if isinstance(row, ProfileRow):
                name, data = row.name if event.name is None else event.name, _encode(event.data).decode()
                return row._replace(name=name, data=data, version=version, sequence=sequence, updated_at=now)
        case ProfileDeleted():
            if isinstance(row, ProfileRow):
                return DeletedProfileRow(row.id, row.owner_id, version, sequence, now)
        case ProfileChangeRefused():
            if row is not None:
                return row._replace(version=version, sequence=sequence)
        case _:
            assert_never(event)
    there = "there is one" if isinstance(row, ProfileRow) else "there is none"
    raise Inconsistent(f"{entry.type} of a profile where {there}")
