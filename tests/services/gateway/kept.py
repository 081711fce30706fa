"""Files, simulations and profiles in memory, for a gateway over in-memory ports."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator
from uuid import UUID

from libs.events.errors import LogUnavailable
from libs.events.event import Recorded
from libs.events.memory import MemoryStore
from libs.events.subjects import StreamId
from libs.profiles.events import EVENTS, ProfileEvent
from libs.profiles.evolve import fold as fold_profile
from services.gateway.ports import DatabaseUnavailable, Page, SimulationFilter
from services.gateway.resources import ProfileView, SimulationSummary, SimulationView
from services.gateway.simulation_views import KINDS, simulation_of_job
from tests.services.gateway.fakes import MemoryModels


class MemoryObjects:
    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}
        self.piece = 1000
        self.pieces_read = 0
        self.breaks_after: int | None = None  # pieces

    def put(self, data: bytes) -> str:
        name = hashlib.sha256(data).hexdigest()
        self.held[name] = data
        return name

    async def chunks(self, name: str) -> AsyncGenerator[bytes, None]:
        if name not in self.held:
            raise LogUnavailable("no such object")
        data = self.held[name]
        for number, start in enumerate(range(0, len(data), self.piece)):
            if number == self.breaks_after:
                raise LogUnavailable("the test cut the line")
            self.pieces_read += 1
            yield data[start : start + self.piece]


class MemorySimulations:
    def __init__(self, models: MemoryModels) -> None:
        self._models = models

    async def simulation(self, owner: UUID, job_id: UUID) -> SimulationView | None:
        found = self._models.folded(owner, job_id)
        return simulation_of_job(found) if found is not None and found.kind in KINDS else None

    async def simulations(
        self, owner: UUID, where: SimulationFilter, *, results: bool, after: Page | None, limit: int
    ) -> list[SimulationSummary]:
        views = [simulation_of_job(job) for job in self._models.all_jobs(owner) if job.kind in KINDS]
        found = [
            SimulationSummary(
                **{
                    name: getattr(view, name) if results or name != "result_data" else None
                    for name in SimulationSummary.__struct_fields__
                }
            )
            for view in views
            if where.status in (None, view.status)
            and where.kind in (None, view.kind)
            and where.parent == view.parent_id
            and (after is None or (view.created_at, view.id) < after)
        ]
        return found[:limit]


class ProfileStore(MemoryStore[ProfileEvent]):
    def __init__(self) -> None:
        super().__init__(EVENTS)
        self.reachable = True

    async def load(self, stream: StreamId, **options: object) -> list[Recorded[ProfileEvent]]:  # type: ignore[override]
        if not self.reachable:
            raise LogUnavailable("the test cut the line")
        return await super().load(stream, **options)  # type: ignore[arg-type]


class MemoryProfiles:
    """The port `ProfileLists`: rows that follow the log at once, or stay as they are."""

    def __init__(self, store: ProfileStore) -> None:
        self.up = True
        self.following = True
        self._histories: dict[StreamId, list[Recorded[ProfileEvent]]] = {}
        store.on_append.append(self._appended)

    def _appended(self, recorded: Recorded[ProfileEvent]) -> None:
        if self.following:
            self._histories.setdefault(recorded.stream, []).append(recorded)

    def _rows(self, owner: UUID) -> list[ProfileView]:
        if not self.up:
            raise DatabaseUnavailable
        profiles = [fold_profile(history) for stream, history in self._histories.items() if stream.owner == owner]
        views = [
            ProfileView(
                id=each.stream.id,
                profile_type=each.profile_type,
                name=each.name,
                data=each.data,
                default=False,
                version=each.version,
                created_at=each.created_at,
                updated_at=each.changed_at,
            )
            for each in profiles
            if each is not None and not each.deleted
        ]
        return sorted(views, key=lambda view: (view.created_at, view.id), reverse=True)

    async def profiles(
        self, owner: UUID, profile_type: str | None, *, after: Page | None, limit: int
    ) -> list[ProfileView]:
        return [
            view
            for view in self._rows(owner)
            if profile_type in (None, view.profile_type) and (after is None or (view.created_at, view.id) < after)
        ][:limit]

    async def names(self, owner: UUID) -> list[tuple[str, str]]:
        return [(view.profile_type, view.name) for view in self._rows(owner)]

    async def count(self, owner: UUID) -> int:
        return len(self._rows(owner))
