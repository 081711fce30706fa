"""Requests and profiles checked before anything is stored, with the user's own profiles found as they are needed.

Which profiles a request needs is known only to whoever reads it, and each may name others: so reading is tried, what it asked for in vain is
looked up, and it is tried again until nothing is missing. A name gives a profile's id, so that its own history answers, not a table behind it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Any, TypeVar
from uuid import UUID

import msgspec

from libs.blackjack.configuration import BettingStrategy
from libs.blackjack.profiles.betting import betting_of
from libs.blackjack.profiles.findings import Findings
from libs.blackjack.profiles.resolve import resolve
from libs.blackjack.profiles.source import Source, sound_json
from libs.profiles.identity import problem_of_name, profile_stream
from libs.profiles.repository import Profiles as OwnProfiles
from libs.simulation import request as requests
from libs.simulation.request import CheckedProfile, InvalidRequest, Profiles, ProfileType, UserProfile, describe
from services.gateway.computing import Computing
from services.gateway.creation import Prepared
from services.gateway.ports import DatabaseUnavailable
from services.gateway.problems import Code, Fault, Problem
from services.gateway.simulation_views import KINDS

__all__ = ["Preparation", "invalid_request"]

T = TypeVar("T")

_ROUNDS_MAX = 24  # parents of parents: each may ask for the next
_LOOKUPS_MAX = 200
_FAULTS_MAX = 100

Asked = tuple[ProfileType, str]


class Preparation:
    """The port `RequestCheck` for simulations; and the check of profiles. Everything raises a `Problem` that names every mistake."""

    kinds: Collection[str] = frozenset(KINDS)

    def __init__(
        self,
        own: OwnProfiles,
        names: Callable[[UUID], Awaitable[Collection[tuple[str, str]]]],
        computing: Computing,
    ) -> None:
        """`names` lists the types and names of a user's profiles, to tell what may have been meant; it may be behind, or down."""
        self._own = own
        self._names = names
        self._computing = computing

    async def prepare(self, owner: UUID, kind: str, request: Any, *, seed: int, pointer: str) -> Prepared:
        def read(known: Profiles) -> Prepared:
            order = requests.prepare(kind, request, known, seed)
            return Prepared(msgspec.to_builtins(order), describe(order))

        return await self._resolving(owner, read, pointer)

    async def check(
        self, owner: UUID, profile_type: ProfileType, name: str, data: Any, *, pointer: str
    ) -> CheckedProfile:
        """What a profile of this name says and means, if it holds these data."""
        itself = UserProfile(profile_type, name, data)
        return await self._resolving(
            owner, lambda known: requests.check_profile(profile_type, data, known), pointer, itself
        )

    async def betting(self, owner: UUID, given: Any, *, pointer: str) -> BettingStrategy:
        """A whole betting strategy, from a name or an object."""

        def read(known: Profiles) -> BettingStrategy:
            findings = Findings()
            strategy: BettingStrategy | None = None
            if sound_json(given, "", findings):
                whole = resolve("betting_strategy", Source(given), known, findings)
                if whole is not None:
                    strategy = betting_of(whole.layer, whole.name, whole.at, findings)
            findings.raise_problems()
            assert strategy is not None  # else a problem was found
            return strategy

        return await self._resolving(owner, read, pointer)

    async def _resolving(
        self, owner: UUID, read: Callable[[Profiles], T], pointer: str, itself: UserProfile | None = None
    ) -> T:
        """What `read` makes of the profiles it asks for, where `itself` stands for what is kept under its name."""
        found: dict[Asked, UserProfile | None] = {}
        if itself is not None:
            found[itself.profile_type, _spelt(itself.name)] = itself
        names: Collection[tuple[str, str]] = ()
        for _ in range(_ROUNDS_MAX):
            known = _Asking((each for each in found.values() if each is not None), names)
            try:
                value: T | InvalidRequest = await self._computing.run(owner, read, known)
            except InvalidRequest as error:
                value = error
            missing = [asked for asked in known.asked if asked not in found]
            if len(found) + len(missing) > _LOOKUPS_MAX:
                break
            if missing:
                kept = await asyncio.gather(*(self._find(owner, *each) for each in missing))
                found |= dict(zip(missing, kept, strict=True))
                if any(kept) or (isinstance(value, InvalidRequest) and not names):
                    # Once more: with what was found, or else to tell which of the user's own names is near.
                    names = await self._known_names(owner) if isinstance(value, InvalidRequest) else names
                    continue
            if isinstance(value, InvalidRequest):
                raise invalid_request(value, pointer)
            return value
        detail = f"At most {_LOOKUPS_MAX} profiles may be named, and {_ROUNDS_MAX} one in another."
        raise Problem(Code.INVALID_REQUEST, detail, errors=[Fault(pointer, detail)])

    async def _find(self, owner: UUID, profile_type: ProfileType, name: str) -> UserProfile | None:
        if problem_of_name(name) is not None:
            return None
        profile, _ = await self._own.load(profile_stream(owner, profile_type, name))
        if profile is None or profile.deleted:
            return None
        shown = profile.name if _spelt(profile.name) == name else name
        return UserProfile(profile_type, shown, profile.data)

    async def _known_names(self, owner: UUID) -> Collection[tuple[str, str]]:
        try:
            return await self._names(owner)
        except DatabaseUnavailable:
            return ()


class _Asking(Profiles):
    """Profiles that remember which of the user's own they were asked for and have not."""

    def __init__(self, own: Any, others: Collection[tuple[str, str]]) -> None:
        super().__init__(own)
        self.asked: dict[Asked, None] = {}
        self._others = others

    def with_job(self, job: dict[tuple[ProfileType, str], Source]) -> Profiles:
        joined = _Asking((), self._others)
        joined.asked = self.asked
        joined._kept, joined._job = self._kept, super().with_job(job)._job
        return joined

    def find(self, kind: ProfileType, name: str, at: str, below: int = 0) -> tuple[int, str, Source] | None:
        hit = super().find(kind, name, at, below)
        if below <= 1 and (hit is None or hit[0] > 1):
            self.asked[kind, _spelt(name)] = None
        return hit

    def names(self, kind: ProfileType) -> list[str]:
        return [*super().names(kind), *(name for one, name in self._others if one == kind)]


def _spelt(name: str) -> str:
    """As `Profiles` compares names."""
    return name.strip().lower()


def invalid_request(error: InvalidRequest, pointer: str) -> Problem:
    """Every mistake with its place, below `pointer`."""
    faults = [Fault(pointer + problem.pointer, problem.detail) for problem in error.problems[:_FAULTS_MAX]]
    count = len(error.problems)
    detail = faults[0].detail if count == 1 else f"{count} things are wrong; `errors` names the place of each."
    return Problem(Code.INVALID_REQUEST, detail, errors=faults)
