"""The profiles that everybody has: read-only, with ids that stay the same."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from uuid import UUID, uuid5

from libs.simulation.request import defaults
from services.gateway.ports import Page
from services.gateway.resources import ProfileDetail

__all__ = ["default_named", "default_profile", "default_profiles"]

_NAMESPACE = UUID("6ba7c5f4-2f4e-5f0c-9c0e-0d6f3a1b7e52")
_ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)  # older than anybody's own, so that lists end with them


@cache
def _all() -> dict[UUID, ProfileDetail]:
    found = {}
    for each in defaults()["profiles"]:
        profile_type, name = each["profile_type"], each["name"]
        profile_id = uuid5(_NAMESPACE, f"{profile_type}/{name}")
        found[profile_id] = ProfileDetail(
            id=profile_id,
            profile_type=profile_type,
            name=name,
            data=each["data"],
            default=True,
            version=1,
            created_at=_ALWAYS,
            updated_at=_ALWAYS,
            normalised=each["normalised"],
        )
    return dict(sorted(found.items(), reverse=True))


def default_profile(profile_id: UUID) -> ProfileDetail | None:
    return _all().get(profile_id)


def default_named(profile_type: str, name: str) -> ProfileDetail | None:
    """The default that a name stands for, however it is spelt."""
    return default_profile(uuid5(_NAMESPACE, f"{profile_type}/{name.strip().lower()}"))


def default_profiles(profile_type: str | None, after: Page | None) -> list[ProfileDetail]:
    """Those of a type, or all, in the order of lists, after a place in it."""
    return [
        each
        for each in _all().values()
        if profile_type in (None, each.profile_type) and (after is None or (each.created_at, each.id) < after)
    ]
