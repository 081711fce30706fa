"""An event that cannot be applied stops its own job, loudly, and no other; nothing is ever skipped."""

from __future__ import annotations

from typing import Any

import msgspec

from libs.jobs.commands import CancelJob, CreateJob
from libs.jobs.events import EVENTS
from libs.jobs.testing import Life, build_history
from libs.process.health import Health
from tests.services.projector.conftest import World, a_stream, until


def begun() -> Life:
    life = Life(a_stream())
    life.do(CreateJob(kind="build", prompt="an idea", talks=True))
    return life


async def test_an_unknown_event_parks_its_job_and_names_the_place(world: World) -> None:
    life = begun()
    await world.append(life)
    sequence = await world.publish(life, "job_teleported", 3, b"{}")
    async with world.projecting() as health:
        await world.caught_up()
        ready, report = await until(lambda: degraded(health))
    parked = await world.fetch("SELECT job_id, sequence, version, type FROM read.parked")
    assert [tuple(row) for row in parked] == [(life.stream.id, sequence, 3, "job_teleported")]
    assert ready
    assert "job_teleported" in report["checks"]["parked"]["detail"]


async def test_later_events_of_a_parked_job_are_held_back(world: World) -> None:
    life = begun()
    await world.append(life)
    await world.publish(life, "job_teleported", 3, b"{}")
    await world.publish(life, "job_cancelled", 4, b"{}")
    async with world.projecting():
        await world.caught_up()
    assert await world.value("SELECT status FROM read.jobs") == "collecting"


async def test_other_jobs_go_on(world: World) -> None:
    life, other = begun(), build_history(a_stream())
    await world.append(life)
    await world.publish(life, "job_teleported", 3, b"{}")
    await world.append(other)
    async with world.projecting():
        await world.caught_up()
    assert await world.value("SELECT status FROM read.jobs WHERE id = $1", other.stream.id) == "done"


async def test_a_parked_job_stays_parked_over_restarts(world: World) -> None:
    life = begun()
    await world.append(life)
    await world.publish(life, "job_teleported", 3, b"{}")
    async with world.projecting():
        await world.caught_up()
    await world.publish(life, "job_cancelled", 4, b"{}")
    async with world.projecting():
        await world.caught_up()
    assert await world.value("SELECT count(*) FROM read.parked") == 1
    assert await world.value("SELECT version FROM read.jobs") == 2


async def test_once_the_event_is_known_the_job_is_folded_on_from_the_log(world: World) -> None:
    life = begun()
    await world.append(life)
    life.do(CancelJob(reason="enough"))
    hidden = EVENTS._decoders.pop(("job_cancelled", 1))
    try:
        await world.append(life, after=2)
        async with world.projecting():
            await world.caught_up()
            assert await world.value("SELECT count(*) FROM read.parked") == 1
    finally:
        EVENTS._decoders[("job_cancelled", 1)] = hidden
    async with world.projecting() as health:
        await until(lambda: world.value("SELECT count(*) = 0 FROM read.parked"))
        await until(lambda: restored(health))
    assert await world.value("SELECT status FROM read.jobs") == "cancelled"
    assert await world.value("SELECT array_agg(version ORDER BY version) FROM read.job_events") == [1, 2, 3]


async def degraded(health: Health) -> tuple[bool, dict[str, Any]] | None:
    ready, report = await health.report()
    return (ready, report) if "parked" in report["checks"] else None


async def restored(health: Health) -> bool:
    return await degraded(health) is None


async def test_a_version_that_does_not_follow_parks_its_job(world: World) -> None:
    life = begun()
    await world.append(life)
    await world.publish(life, "job_cancelled", 7, b"{}")
    async with world.projecting():
        await world.caught_up()
    assert "version 7 follows version 2" in await world.value("SELECT reason FROM read.parked")


async def test_a_payload_that_is_no_json_parks_its_job(world: World) -> None:
    life = begun()
    await world.append(life)
    await world.publish(life, "job_cancelled", 3, b"{")
    async with world.projecting():
        await world.caught_up()
    assert await world.value("SELECT type FROM read.parked") == "job_cancelled"


async def test_a_message_without_our_headers_parks_its_job(world: World) -> None:
    life = begun()
    await world.append(life)
    await world.admin.request(f"evt.{life.stream.owner}.{life.stream.id}.job_cancelled", b"{}", timeout=5)
    async with world.projecting():
        await world.caught_up()
    assert "Event-Version" in await world.value("SELECT reason FROM read.parked")


async def test_a_foreign_subject_is_parked_under_its_own_name(world: World) -> None:
    await world.admin.request("evt.somebody.something.happened", b"{}", timeout=5)
    other = build_history(a_stream())
    await world.append(other)
    async with world.projecting():
        await world.caught_up()
    async with world.projecting():
        await until(lambda: world.leads(1))
    assert await world.value("SELECT stream FROM read.parked") == "evt.somebody.something.happened"
    assert await world.value("SELECT status FROM read.jobs") == "done"


async def test_what_postgres_will_not_have_is_found_among_many_and_parked(world: World) -> None:
    lives = [build_history(a_stream(), steps=2) for _ in range(6)]
    bad = begun()
    for life in lives[:3]:
        await world.append(life)
    await world.append(bad)
    # Well-formed for us, and a time that Postgres refuses.
    await world.publish(bad, "job_cancelled", 3, b"{}", **{"Event-Time": "2026-13-45T00:00:00+00:00"})
    for life in lives[3:]:
        await world.append(life)
    async with world.projecting():
        await world.caught_up()
    assert await world.value("SELECT array_agg(job_id) FROM read.parked") == [bad.stream.id]
    assert await world.value("SELECT count(*) FROM read.jobs WHERE status = 'done'") == 6


async def test_a_reused_id_does_not_overwrite_the_job_that_had_it(world: World) -> None:
    life = begun()
    await world.append(life)
    created = msgspec.json.encode({"kind": "build", "prompt": "another", "talks": True})
    await world.publish(life, "job_created", 1, created)
    async with world.projecting():
        await world.caught_up()
    assert await world.value("SELECT prompt FROM read.jobs") == "an idea"
    assert await world.value("SELECT count(*) FROM read.parked") == 1
