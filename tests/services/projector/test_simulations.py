"""`simulation_jobs`: one row for every job of a kind that simulates, in exactly the columns that other tools know."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import pytest
from msgspec.structs import replace

from libs.events.objects import Objects
from libs.events.subjects import StreamId
from libs.jobs.commands import CompleteJob, CreateJob, FailJob, ReportProgress, RetryJob, StartAttempt
from libs.jobs.events import Failure
from libs.jobs.evolve import fold
from libs.jobs.testing import Life, build_history
from services.projector.projection import Projection
from services.projector.simulations import KINDS, simulation
from services.projector.tables import Tables
from services.projector.tables import connect as connect_database
from tests.services.projector import folding
from tests.services.projector.conftest import World, a_stream
from tests.services.projector.test_tables import interleaved, some_lives

STREAM = StreamId(UUID(int=1), UUID(int=2))
GIVEN = {"casino": "six_deck_s17", "num_rounds": 1e6, "players": [{"profile": "default"}]}
ORDER = {"kind": "simulation", "given": GIVEN, "configuration": {"players": []}, "run": {"seed": 7}}


def created(request: Any = ORDER, *, kind: str = "simulation", stream: StreamId = STREAM) -> Life:
    life = Life(stream)
    life.do(CreateJob(kind=kind, prompt="a million rounds", talks=False, request=request))
    return life


def row_of(life: Life) -> Any:
    job, _ = folding.project(life.history)
    return simulation(job)


def finished(result: Any, life: Life | None = None) -> Life:
    life = life or created()
    life.do(StartAttempt(worker="runner-1"))
    life.do(CompleteJob(attempt=1, result=msgspec.Raw(msgspec.json.encode(result))))
    return life


def test_the_request_is_what_the_user_sent() -> None:
    assert msgspec.json.decode(row_of(created()).request_data) == GIVEN


@pytest.mark.parametrize("request_data", [{"rounds": 10}, [1, 2], None, "six_deck_s17"])
def test_the_request_of_a_job_made_without_an_order_is_all_of_it(request_data: Any) -> None:
    assert msgspec.json.decode(row_of(created(request_data)).request_data) == request_data


def test_there_is_no_result_before_the_job_is_done() -> None:
    life = created()
    life.do(StartAttempt(worker="runner-1"))
    life.do(ReportProgress(attempt=1, name="rounds", done=5, data={"ev": -0.005}))
    assert (row_of(life).status, row_of(life).result_data) == ("running", None)


def test_the_result_is_the_jobs() -> None:
    row = row_of(finished({"ev": -0.0051}))
    assert (row.status, row.result_data) == ("done", '{"ev":-0.0051}')


def test_what_jsonb_refuses_is_replaced_and_what_only_looks_so_is_kept() -> None:
    result = {"zero": "a\x00\x00b", "text": "\\u0000", "both": "\\\x00"}
    stored = msgspec.json.decode(row_of(finished(result)).result_data)
    assert stored == {"zero": "a\ufffd\ufffdb", "text": "\\u0000", "both": "\\\ufffd"}


async def test_every_simulating_kind_has_a_row_and_no_other(world: World) -> None:
    async with world.projecting():
        for kind in sorted(KINDS):
            await world.append(created(kind=kind, stream=a_stream()))
        await world.append(created(kind="other", stream=a_stream()))
        await world.append(build_history(a_stream()))
        await world.caught_up()
    rows = await world.fetch("SELECT j.kind FROM read.simulation_jobs s JOIN read.jobs j ON j.id = s.job_id")
    assert sorted(row["kind"] for row in rows) == sorted(KINDS)


async def test_the_table_has_exactly_the_columns_agreed_upon(world: World) -> None:
    async with world.projecting():
        await world.append(created())
        await world.caught_up()
    columns = await world.fetch(
        "SELECT column_name, data_type FROM information_schema.columns "
        "WHERE table_schema = 'read' AND table_name = 'simulation_jobs' ORDER BY ordinal_position"
    )
    assert [(row["column_name"], row["data_type"]) for row in columns] == [
        ("job_id", "uuid"),
        ("user_id", "uuid"),
        ("status", "text"),
        ("request_data", "jsonb"),
        ("result_data", "jsonb"),
        ("created_at", "timestamp with time zone"),
        ("updated_at", "timestamp with time zone"),
    ]


async def test_the_row_follows_its_job_from_the_first_event_to_the_last(world: World) -> None:
    life = created()
    async with world.projecting():
        await world.append(life)
        await world.caught_up()
        (row,) = await world.fetch("SELECT * FROM read.simulation_jobs")
        assert (row["job_id"], row["user_id"], row["status"]) == (STREAM.id, STREAM.owner, "queued")
        assert (msgspec.json.decode(row["request_data"]), row["result_data"]) == (GIVEN, None)
        before = len(life.history)
        life.do(StartAttempt(worker="runner-1"))
        life.do(FailJob(attempt=1, error=Failure(code="boom", message="It broke.")))
        await world.append(life, after=before)
        await world.caught_up()
        assert await world.value("SELECT status FROM read.simulation_jobs") == "failed"
        before = len(life.history)
        life.do(RetryJob())
        life.do(StartAttempt(worker="runner-1"))
        life.do(CompleteJob(attempt=2, result=msgspec.Raw(b'{"ev":-0.0051}')))
        await world.append(life, after=before)
        await world.caught_up()
    (row,) = await world.fetch("SELECT * FROM read.simulation_jobs")
    assert (row["status"], msgspec.json.decode(row["result_data"])) == ("done", {"ev": -0.0051})
    assert (row["created_at"], row["updated_at"]) == (life.history[0].time, life.history[-1].time)


async def test_a_request_and_a_result_of_megabytes_with_every_character_are_stored(world: World) -> None:
    given = {"players": [{"name": "\x00\\u0000\\\x00 'quoted' \"twice\" 花 \U0001f0a1"}], "notes": "x" * 2_000_000}
    life = finished({"rows": [given] * 2, "number": 1e300}, created({"given": given}))
    async with world.projecting():
        await world.append(life)
        await world.caught_up()
    assert await world.value("SELECT count(*) FROM read.parked") == 0
    name = await world.value("SELECT request_data#>>'{players,0,name}' FROM read.simulation_jobs")
    assert name == given["players"][0]["name"].replace("\x00", "\ufffd")  # type: ignore[index]
    assert await world.value("SELECT length(result_data#>>'{rows,1,notes}') FROM read.simulation_jobs") == 2_000_000


async def test_the_gateway_may_read_the_new_tables_and_not_write(world: World) -> None:
    async with world.projecting():
        await world.append(created())
        await world.caught_up()
    gateway = await asyncpg.connect(world.database.url("gateway"))
    try:
        for table in ("simulation_jobs", "profiles", "deleted_profiles"):
            await gateway.fetchval(f"SELECT count(*) FROM read.{table}")
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await gateway.execute(f"DELETE FROM read.{table}")
    finally:
        await gateway.close()


@pytest.mark.parametrize("batch", [1, 9, 1000])
async def test_any_history_of_a_simulation_leaves_the_row_that_its_fold_says(world: World, batch: int) -> None:
    lives = some_lives(30)
    for life in lives:
        first = life.history[0]
        life.history[0] = replace(first, event=replace(first.event, kind="sweep"))
        life.job = fold(life.history)
    entries = interleaved(lives)
    connection = await connect_database(world.database.url("projector"), name="test")
    tables = Tables(connection, "read")
    projection = Projection(tables, await tables.create("some log"), Objects(world.client).get)
    for start in range(0, len(entries), batch):
        await projection.begin(entries[start : start + batch])
    await projection.settle()
    await connection.close()
    assert projection.parked == {}
    rows = {row["job_id"]: row for row in await world.fetch("SELECT * FROM read.simulation_jobs")}
    assert len(rows) == len(lives)
    for life in lives:
        job = life.job
        assert job is not None
        row = rows[job.stream.id]
        assert (row["user_id"], row["status"]) == (job.stream.owner, job.status.value)
        assert (row["created_at"], row["updated_at"]) == (job.created_at, job.updated_at)
        assert msgspec.json.decode(row["request_data"]) == without_zeros(job.request)
        result = msgspec.json.decode(job.result)
        assert msgspec.json.decode(row["result_data"] or "null") == without_zeros(result)


def without_zeros(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd")
    if isinstance(value, dict):
        return {without_zeros(key): without_zeros(item) for key, item in value.items()}
    return value
