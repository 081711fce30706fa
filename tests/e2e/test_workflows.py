"""Workflows of one's own through the whole installation: children, and results of several megabytes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.e2e.installation import Installation
from tests.e2e.model import Model
from tests.e2e.person import Person

KINDS = ("family", "cell", "mixed")


@pytest.fixture(scope="module")
def flows(server_folder: Path, model: Model) -> Iterator[Installation]:
    folder = server_folder / "e2e-workflows"
    folder.mkdir()
    ledger = folder / "ledger"
    ledger.touch()
    installation = Installation(
        folder,
        model.url,
        ORCHESTRATORS=",".join(f"{kind}=tests.services.runner.flows:{kind}_flow" for kind in KINDS),
        JOB_KINDS=",".join(("build=talk", *(f"{kind}=queue" for kind in KINDS))),
        LEDGER=str(ledger),
    )
    installation.start()
    yield installation
    assert installation.stop() == 0


@pytest.fixture
async def author(flows: Installation) -> AsyncIterator[Person]:
    person = Person(flows.url)
    await person.register()
    yield person
    await person.http.aclose()


async def test_a_job_has_children_that_are_jobs_of_the_same_owner(author: Person) -> None:
    job = await author.create("cells", kind="family", request=[[1, 2, 3, 4], 2, 0.05])
    async with author.socket(job["id"], after=0) as socket:
        await socket.until(lambda frame: frame.get("status") == "done")
    children = [
        frame["data"] for frame in socket.durable if frame["kind"] == "event" and frame["type"] == "child_ended"
    ]
    assert {child["name"] for child in children} == {"cell-1", "cell-2", "cell-3", "cell-4"}
    for child in children:
        assert (await author.job(child["child_id"]))["status"] == "done"
    [created] = await author.get(f"/api/jobs/{children[0]['child_id']}/events/?limit=1")
    assert created["data"]["parent"] == job["id"]
    progress = [frame for frame in socket.durable if frame["kind"] == "progress"]
    assert (progress[-1]["done"], progress[-1]["total"]) == (4, 4)


async def test_cancelling_a_job_cancels_its_children(author: Person) -> None:
    job = await author.create("cells", kind="family", request=[[1, 2], 2, 60])
    async with author.socket(job["id"], after=0) as socket:
        started = [
            (await socket.until(lambda frame: frame.get("type") == "child_started"))["data"]["child_id"]
            for _ in range(2)
        ]
    await author.post(f"/api/jobs/{job['id']}/cancel/")
    for child in started:
        await author.until(child, "cancelled")


async def test_a_result_of_several_megabytes_reaches_whoever_reads_and_watches(author: Person) -> None:
    job = await author.create("large", kind="mixed", request="large-result")
    async with author.socket(job["id"], after=0) as socket:
        await socket.until(lambda frame: frame.get("status") == "done")
    found = await author.until(job["id"], "done")
    answer = await author.http.get(f"/api/jobs/{job['id']}/?min_version={found['version']}")
    assert answer.status_code == 200
    events = await author.get(f"/api/jobs/{job['id']}/events/")
    assert events[-1]["type"] == "job_completed"
    assert events[-1]["data"]["result"] == "z" * 3_000_000
