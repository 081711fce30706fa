"""The gateway's calls for simulations and profiles."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import httpx2

from cli.calling import END_STATES
from cli.client import Client, Refused

__all__ = ["ASK_AGAIN_SECONDS", "Profiles", "Simulations"]

Json = dict[str, Any]

CATCH_UP_SECONDS = 30.0
ASK_AGAIN_SECONDS = 0.1
PAGE = 200


class Simulations:
    """What /api/simulations/ offers."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def create(self, request: Json, kind: str = "simulation") -> Json:
        """Order a simulation, comparison or sweep; a request that was lost on the way is not ordered twice."""
        body = request if kind == "simulation" else {**request, "kind": kind}
        created: Json = await self._client.call("POST", "/api/simulations/", body, {"Idempotency-Key": str(uuid4())})
        return created

    async def get(self, job_id: str) -> Json:
        found: Json = await self._client.call("GET", f"/api/simulations/{job_id}/")
        return found

    async def ended(self, job_id: str) -> Json:
        """The simulation once its end, of which a frame has told, can be read: tables follow the log by some milliseconds."""
        try:
            async with asyncio.timeout(CATCH_UP_SECONDS):
                while (found := await self.get(job_id))["status"] not in END_STATES:  # noqa: ASYNC110 - nobody tells
                    await asyncio.sleep(ASK_AGAIN_SECONDS)
        except TimeoutError:
            raise Refused("the simulation has ended, but its result cannot be read yet; try again later") from None
        return found

    async def list(self, *, status: str = "", limit: int = 50, results: bool = False) -> list[Json]:
        """The newest ones; with `results`, of which the gateway gives a few at a time."""
        query = {"limit": limit} | ({"status": status} if status else {}) | ({"full": 1} if results else {})
        found: list[Json] = []
        path: str | None = f"/api/simulations/?{httpx2.QueryParams(query)}"
        while path and len(found) < limit:
            page, path = await self._client.page(path)
            found += page
        return found[:limit]

    async def file(self, job_id: str, name: str) -> bytes:
        """`result.csv` or `report.html`."""
        return await self._client.download(f"/api/simulations/{job_id}/{name}")

    async def stop(self, job_id: str) -> Json:
        answer: Json = await self._client.call("POST", f"/api/simulations/{job_id}/stop/", {})
        return answer

    async def rerun(self, job_id: str) -> Json:
        answer: Json = await self._client.call("POST", f"/api/simulations/{job_id}/rerun/", {})
        return answer

    async def reprice(self, job_id: str, body: Json) -> Json:
        answer: Json = await self._client.call("POST", f"/api/simulations/{job_id}/reprice/", body)
        return answer

    async def defaults(self) -> Json:
        found: Json = await self._client.call("GET", "/api/simulations/defaults/")
        return found


class Profiles:
    """What /api/profiles/ offers."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def list(self, profile_type: str | None = None) -> list[Json]:
        """The person's own and the default ones, all pages of them."""
        found: list[Json] = []
        query: dict[str, Any] = {"limit": PAGE} | ({"profile_type": profile_type} if profile_type else {})
        path: str | None = f"/api/profiles/?{httpx2.QueryParams(query)}"
        while path:
            page, path = await self._client.page(path)
            found += page
        return found

    async def create(self, body: Json) -> Json:
        created: Json = await self._client.call("POST", "/api/profiles/", body, {"Idempotency-Key": str(uuid4())})
        return created

    async def update(self, profile_id: str, data: Any, *, replace: bool = False) -> Json:
        """Merge `data` into the profile's, or put it in its place."""
        method = "PUT" if replace else "PATCH"
        answer: Json = await self._client.call(method, f"/api/profiles/{profile_id}/", {"data": data})
        return answer

    async def delete(self, profile_id: str) -> None:
        await self._client.call("DELETE", f"/api/profiles/{profile_id}/")
