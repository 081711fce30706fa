"""A user's own profiles: kept as they were written, checked before they are, and shown right after.

A profile's history is short and its id follows from its name, so that a single one is always read from the log; only lists come from the
read models, mended by what was written here a moment ago.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple, TypeVar, cast
from uuid import UUID

import msgspec
import structlog

from libs.events.commands import Refusal
from libs.events.subjects import StreamId
from libs.jobs.commands import keyed_command_id
from libs.process.clock import Clock, new_id
from libs.profiles.commands import CreateProfile, DeleteProfile, ProfileCommand, UpdateProfile
from libs.profiles.identity import problem_of_name, profile_stream
from libs.profiles.repository import Profiles as OwnProfiles
from libs.profiles.state import Profile
from libs.simulation.request import CheckedProfile
from services.gateway.default_profiles import default_named, default_profile, default_profiles
from services.gateway.jobs import StoredCommands
from services.gateway.ports import Commands, DatabaseUnavailable, Page, ProfileLists
from services.gateway.preparation import Preparation
from services.gateway.principal import Principal
from services.gateway.problems import Code, Fault, Problem
from services.gateway.requests import CreateProfileBody, PatchProfileBody, ProfileType, PutProfileBody
from services.gateway.resources import NoteView, ProfileDetail, ProfileView

__all__ = ["Asking", "Kept", "ProfileDesk"]

C = TypeVar("C", bound=ProfileCommand)

_RECENT_SECONDS = 60.0
_RECENT_MAX = 5_000
_RECENT_SHOWN_MAX = 100  # of one user, in a list
_CONFLICTS_MAX = 5


class Asking(NamedTuple):
    """Who wants something, and what a repeat of it is known by."""

    principal: Principal
    key: str | None
    traceparent: str | None

    @property
    def owner(self) -> UUID:
        return self.principal.user_id


class Kept(NamedTuple):
    """A profile, and whether it is decided that it is so."""

    profile: ProfileDetail
    decided: bool


class ProfileDesk:
    """Reads and changes profiles. Everything may raise a `Problem` and `LogUnavailable`."""

    def __init__(
        self,
        own: OwnProfiles,
        lists: ProfileLists,
        commands: Commands,
        stored: StoredCommands,
        preparation: Preparation,
        clock: Clock,
        *,
        wait_seconds: float,
        count_max: int,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._own = own
        self._lists = lists
        self._commands = commands
        self._stored = stored
        self._preparation = preparation
        self._clock = clock
        self._wait_seconds = wait_seconds
        self._count_max = count_max
        self._monotonic = monotonic
        self._recent: OrderedDict[StreamId, float] = OrderedDict()  # changed here, and when

    # -- reading -------------------------------------------------------------------------------------------------------

    async def get(self, owner: UUID, profile_id: UUID) -> ProfileDetail:
        """A profile with how it is understood today."""
        if (found := default_profile(profile_id)) is not None:
            return found
        profile = await self._load(owner, profile_id)
        return await self._detail(profile)

    async def page(
        self, owner: UUID, profile_type: str | None, *, default: bool | None, after: Page | None, limit: int
    ) -> list[ProfileView]:
        """Newest first, the defaults last. Raises `DatabaseUnavailable`."""
        found: list[ProfileView] = []
        if default is not True:
            found = await self._listed(owner, profile_type, after, limit)
        if default is not False and len(found) < limit:
            found += [_plain(each) for each in default_profiles(profile_type, after)]
        return found[:limit]

    async def _listed(self, owner: UUID, profile_type: str | None, after: Page | None, limit: int) -> list[ProfileView]:
        """The read models' rows, with what was written here and may not be in them yet."""
        recent = self._recently(owner)
        rows = await self._lists.profiles(owner, profile_type, after=after, limit=limit + len(recent))
        views = {row.id: row for row in rows}
        loaded = await asyncio.gather(*(self._own.load(stream) for stream in recent))
        for stream, (profile, _) in zip(recent, loaded, strict=True):
            views.pop(stream.id, None)
            if profile is not None and not profile.deleted and profile_type in (None, profile.profile_type):
                view = _view(profile)
                if after is None or (view.created_at, view.id) < after:
                    views[view.id] = view
        return sorted(views.values(), key=lambda view: (view.created_at, view.id), reverse=True)

    # -- changing ------------------------------------------------------------------------------------------------------

    async def create(self, asking: Asking, body: CreateProfileBody) -> Kept:
        data = body.data
        if body.copy_of is not None:
            if data is not None:
                raise _wrong("/copy_of", "Either `data` or `copy_of` is expected, not both.")
            data = await self._named(asking.owner, body.profile_type, body.copy_of)
        return await self._create(asking, body.profile_type, body.name, data)

    async def copy(self, asking: Asking, profile_id: UUID, name: str) -> Kept:
        source: ProfileView | None = default_profile(profile_id)
        if source is None:
            source = _view(await self._load(asking.owner, profile_id))
        return await self._create(asking, cast(ProfileType, source.profile_type), name, source.data)

    async def replace(self, asking: Asking, profile_id: UUID, body: PutProfileBody) -> Kept:
        profile = await self._changeable(asking.owner, profile_id)
        if body.profile_type not in (None, profile.profile_type):
            raise Problem(Code.PROFILE_NAME_FIXED, "A profile keeps its type: make another one.")
        return await self._update(asking, profile, body.data, body.name, body.expected_version)

    async def merge(self, asking: Asking, profile_id: UUID, body: PatchProfileBody) -> Kept:
        """Merge into what is there; where somebody else changes it meanwhile, into that."""
        for attempt in range(_CONFLICTS_MAX):
            profile = await self._changeable(asking.owner, profile_id)
            expected = profile.version if body.expected_version is None else body.expected_version
            try:
                once = asking if attempt == 0 else asking._replace(key=asking.key and f"{asking.key}/{attempt}")
                return await self._update(once, profile, _merged(profile.data, body.data), body.name, expected)
            except Problem as problem:
                if problem.code is not Code.PROFILE_CHANGED or body.expected_version is not None:
                    raise
        raise Problem(Code.PROFILE_CHANGED, "The profile changes all the time; try again.")

    async def delete(self, asking: Asking, profile_id: UUID, expected_version: int | None) -> bool:
        """Whether it is decided already."""
        profile = await self._changeable(asking.owner, profile_id)
        _, decided = await self._send(asking, profile.stream, DeleteProfile(expected_version=expected_version))
        return decided

    async def _create(self, asking: Asking, profile_type: ProfileType, name: str, data: Any) -> Kept:
        if (wrong := problem_of_name(name)) is not None:
            raise _wrong("/name", wrong)
        stream = profile_stream(asking.owner, profile_type, name)
        checked = await self._checked(asking.owner, profile_type, name, data)
        await self._check_count(asking.owner)
        command = _made(lambda: CreateProfile(profile_type=profile_type, name=name, data=data))
        profile, decided = await self._send(asking, stream, command)
        view = _view(profile or _unmade(stream, command, self._clock.now()))
        return Kept(_described(view, checked), decided)

    async def _update(
        self, asking: Asking, profile: Profile, data: Any, name: str | None, expected_version: int | None
    ) -> Kept:
        if name is not None and (wrong := problem_of_name(name)) is not None:
            raise _wrong("/name", wrong)
        checked = await self._checked(asking.owner, profile.profile_type, name or profile.name, data)
        command = _made(lambda: UpdateProfile(data=data, name=name, expected_version=expected_version))
        changed, decided = await self._send(asking, profile.stream, command)
        return Kept(_described(_view(changed or profile), checked), decided)

    async def _send(self, asking: Asking, stream: StreamId, command: ProfileCommand) -> tuple[Profile | None, bool]:
        """The profile as it is after the command, and whether that was decided in time. Raises a `Problem` where it was refused."""
        command_id = new_id() if asking.key is None else keyed_command_id(stream.id, command.verb, asking.key)
        structlog.contextvars.bind_contextvars(correlation_id=str(command_id))
        sent = await self._commands.send(stream, command, command_id=command_id, traceparent=asking.traceparent)
        self._remember(stream)
        try:
            outcome = await sent.outcome(timeout_seconds=self._wait_seconds)
        finally:
            sent.forget()
        profile, _ = await self._own.load(stream)
        # A repeat under the same key is not decided a second time, so nobody tells.
        before = None if profile is None else profile.refused.get(command_id)
        if (refused := before if outcome is None else outcome.refused) is not None:
            raise _refused(refused)
        decided = outcome is not None or (profile is not None and _holds(profile, command, command_id))
        return profile, decided

    # -- what is there -------------------------------------------------------------------------------------------------

    async def _load(self, owner: UUID, profile_id: UUID) -> Profile:
        """The profile as it is now, or as its stored create command wants it."""
        stream = StreamId(owner, profile_id)
        profile, _ = await self._own.load(stream)
        if profile is None:
            envelope = await self._stored.first(stream, CreateProfile.verb)
            if envelope is not None:
                command = msgspec.json.decode(envelope.payload, type=CreateProfile)
                profile = _unmade(stream, command, envelope.time)
        if profile is None or profile.deleted:
            raise Problem(Code.NO_SUCH_PROFILE)
        return profile

    async def _changeable(self, owner: UUID, profile_id: UUID) -> Profile:
        if default_profile(profile_id) is not None:
            raise Problem(Code.PROFILE_READ_ONLY, "Default profiles cannot be changed: copy it first.")
        return await self._load(owner, profile_id)

    async def _named(self, owner: UUID, profile_type: str, name: str) -> Any:
        if problem_of_name(name) is None:
            profile, _ = await self._own.load(profile_stream(owner, profile_type, name))
            if profile is not None and not profile.deleted:
                return profile.data
        default = default_named(profile_type, name)
        if default is None:
            raise _wrong("/copy_of", f"There is no {_noun(profile_type)} of this name.")
        return default.data

    async def _checked(self, owner: UUID, profile_type: str, name: str, data: Any) -> CheckedProfile:
        return await self._preparation.check(owner, cast(ProfileType, profile_type), name, data, pointer="/data")

    async def _detail(self, profile: Profile) -> ProfileDetail:
        view = _view(profile)
        try:
            checked = await self._checked(profile.stream.owner, profile.profile_type, profile.name, profile.data)
        except Problem as problem:
            if problem.code is not Code.INVALID_REQUEST:
                raise
            # What it names has changed or is gone since it was checked.
            problems = tuple(NoteView(pointer=fault.pointer, detail=fault.detail) for fault in problem.errors)
            return ProfileDetail(**_fields(view), problems=problems)
        return _described(view, checked)

    async def _check_count(self, owner: UUID) -> None:
        try:
            count = await self._lists.count(owner)
        except DatabaseUnavailable:
            return  # the limit keeps lists usable; it is not worth refusing people while there are none
        if count >= self._count_max:
            raise Problem(Code.TOO_MANY_PROFILES, f"You have {count:,} profiles; delete some before you make another.")

    def _remember(self, stream: StreamId) -> None:
        self._recent[stream] = self._monotonic()
        self._recent.move_to_end(stream)
        while len(self._recent) > _RECENT_MAX or self._outdated(next(iter(self._recent))):
            self._recent.popitem(last=False)

    def _outdated(self, stream: StreamId) -> bool:
        return self._recent[stream] < self._monotonic() - _RECENT_SECONDS

    def _recently(self, owner: UUID) -> list[StreamId]:
        mine = [stream for stream in self._recent if stream.owner == owner and not self._outdated(stream)]
        return mine[-_RECENT_SHOWN_MAX:]


# -- views -------------------------------------------------------------------------------------------------------------


def _unmade(stream: StreamId, command: CreateProfile, time: datetime) -> Profile:
    return Profile(
        stream=stream,
        profile_type=command.profile_type,
        name=command.name,
        data=command.data,
        version=0,
        revision=0,
        created_at=time,
        updated_at=time,
        changed_at=time,
    )


def _view(profile: Profile) -> ProfileView:
    return ProfileView(
        id=profile.stream.id,
        profile_type=profile.profile_type,
        name=profile.name,
        data=profile.data,
        default=False,
        version=profile.version,
        created_at=profile.created_at,
        updated_at=profile.changed_at,
    )


def _fields(view: ProfileView) -> dict[str, Any]:
    return {name: getattr(view, name) for name in ProfileView.__struct_fields__}


def _plain(detail: ProfileDetail) -> ProfileView:
    return ProfileView(**_fields(detail))


def _described(view: ProfileView, checked: CheckedProfile) -> ProfileDetail:
    notes = tuple(NoteView(pointer=f"/data{note.pointer}", detail=note.detail) for note in checked.notes)
    return ProfileDetail(**_fields(view), normalised=checked.normalised, notes=notes)


# -- rules -------------------------------------------------------------------------------------------------------------


def _merged(target: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = _merged(merged.get(name), value)
    return merged


def _holds(profile: Profile, command: ProfileCommand, command_id: UUID) -> bool:
    """Whether the command was obeyed: among those that were decided, and the profile is as it wants it."""
    if command_id not in profile.handled:
        return False
    if isinstance(command, DeleteProfile):
        return profile.deleted
    return not profile.deleted and profile.data == command.data


def _made(make: Callable[[], C]) -> C:
    """A command, or the `Problem` with what it would hold."""
    try:
        return make()
    except ValueError as error:
        raise _wrong("/data", str(error)) from None


def _wrong(pointer: str, detail: str) -> Problem:
    return Problem(Code.INVALID_REQUEST, detail, errors=[Fault(pointer, detail)])


def _refused(refused: Refusal) -> Problem:
    detail = refused.reason[:1].upper() + refused.reason[1:] + "."
    try:
        code = Code(refused.code)
    except ValueError:  # of a service that is newer than this one
        code = Code.PROFILE_CHANGED
    return Problem(code, detail)


def _noun(profile_type: str) -> str:
    return profile_type.replace("_", " ")
