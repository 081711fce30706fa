"""Profiles over the client contracts: kept, named in a simulation, changed, deleted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from tests.e2e.person import Person

CLUB: dict[str, Any] = {"profile_type": "casino", "name": "My club", "data": {"parent": "six_deck_s17", "num_decks": 8}}


async def until_listed(person: Person, *names: str) -> None:
    """Until the read models list exactly these."""
    async with asyncio.timeout(20):
        while {each["name"] for each in await person.get("/api/profiles/?default=false")} != set(names):
            await asyncio.sleep(0.05)


async def test_a_profile_is_kept_named_changed_and_deleted(person: Person) -> None:
    made = await person.post("/api/profiles/", CLUB, status=201)
    path = f"/api/profiles/{made['id']}/"
    assert await person.get(path) == made
    assert [each["name"] for each in await person.get("/api/profiles/?default=false")] == ["My club"]
    ran = await person.post("/api/simulations/", {"casino": "my club", "num_rounds": 1000}, status=201)
    assert ran["normalised"]["configuration"]["casino"]["deck_count"] == 8
    changed = await person.http.patch(path, json={"data": {"num_decks": 2}})
    assert (changed.status_code, changed.json()["data"]["num_decks"]) == (200, 2)
    assert (await person.http.post("/api/profiles/", json=CLUB)).status_code == 409
    await person.until(ran["job_id"], "done", "failed")
    found = await person.get(f"/api/simulations/{ran['job_id']}/")
    assert found["result_data"]["configuration"]["casino"]["deck_count"] == 8
    assert (await person.http.delete(path)).status_code == 204
    assert (await person.http.get(path)).status_code == 404
    await until_listed(person)


async def test_a_default_is_copied_and_never_changed(person: Person) -> None:
    [found] = [
        each for each in await person.get("/api/profiles/?profile_type=counting_system") if each["name"] == "hi_lo"
    ]
    assert (await person.http.put(f"/api/profiles/{found['id']}/", json={"data": {}})).status_code == 403
    copied = await person.post(f"/api/profiles/{found['id']}/copy/", {"name": "mine"}, status=201)
    assert (copied["data"], copied["default"]) == (found["data"], False)
    await until_listed(person, "mine")


async def test_profiles_are_their_owners_alone(person: Person, somebody: Callable[[], Awaitable[Person]]) -> None:
    made = await person.post("/api/profiles/", CLUB, status=201)
    other = await somebody()
    assert (await other.http.get(f"/api/profiles/{made['id']}/")).status_code == 404
    assert (await other.http.delete(f"/api/profiles/{made['id']}/")).status_code == 404
    refused = await other.http.post("/api/simulations/", json={"casino": "My club", "num_rounds": 1000})
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["pointer"] == "/casino"
    assert (await other.http.post("/api/profiles/", json=CLUB)).status_code == 201
