"""A whole gateway over in-memory ports, called through HTTP without a socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Self
from uuid import UUID

import argon2
import httpx2

from libs.events.event import Cause, NewEvent
from libs.events.repository import Repository
from libs.events.subjects import StreamId
from libs.jobs.events import JobEvent
from libs.jobs.evolve import evolve
from libs.process.clock import ManualClock, new_id
from libs.process.health import Health
from libs.process.settings import Secret
from libs.profiles.evolve import evolve as evolve_profile
from services.gateway.application import application
from services.gateway.computing import Computing
from services.gateway.jobs import JobReader
from services.gateway.live import LiveSettings
from services.gateway.live.factory import assemble
from services.gateway.origins import Origins
from services.gateway.passwords import Passwords
from services.gateway.ports import User
from services.gateway.preparation import Preparation
from services.gateway.profiles import ProfileDesk
from services.gateway.settings import GatewaySettings
from services.gateway.simulations import SimulationReader
from services.gateway.tokens import AccessTokens
from tests.services.gateway.fakes import CuttableStore, MemoryAccounts, MemoryCommands, MemoryKeys, MemoryModels
from tests.services.gateway.kept import MemoryObjects, MemoryProfiles, MemorySimulations, ProfileStore
from tests.services.gateway.live.world import Claims, MemorySource

SECRET = "a secret of at least thirty-two bytes, for tests"
PASSWORD = "correct horse battery"
QUICK = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


def settings(**changes: Any) -> GatewaySettings:
    return GatewaySettings(
        **{
            "database_url": Secret("postgresql://nowhere/"),
            "jwt_secret": Secret(SECRET),
            "job_kinds": {
                "build": "talk",
                "count": "queue",
                "simulation": "queue",
                "comparison": "queue",
                "sweep": "queue",
            },
            "outcome_wait_seconds": 0.05,
        }
        | changes
    )


class Desk:
    """Everything a test touches."""

    def __init__(self, **changes: Any) -> None:
        self.settings = settings(**changes)
        self.clock = ManualClock(datetime(2026, 11, 21, 12, tzinfo=UTC))
        self.store = CuttableStore()
        self.models = MemoryModels(self.store)
        self.profile_store = ProfileStore()
        self.profiles = MemoryProfiles(self.profile_store)
        own_profiles = Repository(self.profile_store, evolve_profile, clock=self.clock)
        self.commands = MemoryCommands(self.store, self.clock, own_profiles)
        self.objects = MemoryObjects()
        self.computing = Computing(1)
        self.accounts = MemoryAccounts(self.clock)
        self.keys = MemoryKeys()
        self.tokens = AccessTokens(SECRET, self.clock)
        self.passwords = Passwords(1, QUICK)
        self.health = Health("gateway")
        self.health.started()
        self.jobs = JobReader(self.models, self.store, Repository(self.store, evolve, clock=self.clock), self.commands)
        source = MemorySource()
        source.store = self.store
        self.store.on_append.append(source._appended)
        origins = Origins(self.settings.cors_allowed_origins, loopback=self.settings.on_loopback)
        self.live = assemble(
            source=source,
            jobs=self.jobs,
            commands=self.commands,
            claims=Claims(),
            tokens=self.tokens,
            secret=SECRET,
            origin_allowed=origins.allows,
            token_query_allowed=False,
            clock=self.clock,
            settings=LiveSettings(),
        )
        simulations = MemorySimulations(self.models)
        preparation = Preparation(
            Repository(self.profile_store, evolve_profile, clock=self.clock), self.profiles.names, self.computing
        )
        self.app = application(
            self.settings,
            accounts=self.accounts,
            passwords=self.passwords,
            tokens=self.tokens,
            jobs=self.jobs,
            lists=self.models,
            simulations=SimulationReader(self.jobs, simulations),
            simulation_lists=simulations,
            preparation=preparation,
            profiles=ProfileDesk(
                own_profiles,
                self.profiles,
                self.commands,
                self.commands,
                preparation,
                self.clock,
                wait_seconds=self.settings.outcome_wait_seconds,
                count_max=self.settings.profiles_per_user,
            ),
            computing=self.computing,
            objects=self.objects,
            commands=self.commands,
            keys=self.keys,
            live=self.live,
            origins=origins,
            health=self.health,
            check_database=self._check_database,
            clock=self.clock,
        )
        self.ada = User(id=new_id(), email="ada@example.org", name="Ada")
        self.eve = User(id=new_id(), email="eve@example.org", name="Eve")
        self.http: httpx2.AsyncClient

    async def _check_database(self) -> None:
        return

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Self]:
        transport = httpx2.ASGITransport(app=self.app)
        async with (
            self.live.running(),
            httpx2.AsyncClient(transport=transport, base_url="http://gateway.test") as self.http,
        ):
            yield self
        self.passwords.close()
        self.computing.close()

    def as_(self, user: User | None = None) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens.issue(user or self.ada)}"}

    async def get(self, path: str, user: User | None = None, **options: Any) -> httpx2.Response:
        return await self.call("GET", path, user, **options)

    async def post(self, path: str, body: Any = None, user: User | None = None, **options: Any) -> httpx2.Response:
        if body is not None:
            options["json"] = body
        return await self.call("POST", path, user, **options)

    async def call(self, method: str, path: str, user: User | None = None, **options: Any) -> httpx2.Response:
        headers = self.as_(user) | options.pop("headers", {})
        return await self.http.request(method, path, headers=headers, **options)

    async def job(self, user: User | None = None, **body: Any) -> UUID:
        """A job that was created and decided."""
        answer = await self.post("/api/jobs/", {"prompt": "A shop for tea"} | body, user)
        assert answer.status_code == 201, answer.text
        return UUID(answer.json()["id"])

    async def happen(self, job_id: UUID, *events: JobEvent, user: User | None = None) -> int:
        """Append events to the job; its version after them."""
        stream = StreamId((user or self.ada).id, job_id)
        after = await self.store.head(stream)
        new = [NewEvent(id=new_id(), time=self.clock.now(), event=event, cause=Cause()) for event in events]
        return (await self.store.append(stream, new, after=after)).version


def code_of(answer: httpx2.Response) -> str:
    """The problem's code, after a look at the document as a whole."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    document = answer.json()
    assert document["status"] == answer.status_code
    assert document["type"] == f"/problems/{document['code']}"
    assert document["title"]
    assert document["detail"].endswith((".", "?"))
    return str(document["code"])
