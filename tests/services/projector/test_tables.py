"""The tables hold what was drafted, and are what the code believes them to be."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from libs.events.objects import Objects
from libs.jobs.testing import Life, build_history, histories
from services.projector.entry import Entry
from services.projector.model import JOB_EVENTS, JOBS, TABLES, JobRow, StepRow
from services.projector.projection import Projection
from services.projector.tables import Tables
from services.projector.tables import connect as connect_database
from tests.services.projector import folding
from tests.services.projector.conftest import World, a_stream


def some_lives(count: int) -> list[Life]:
    lives: dict[Any, Life] = {}

    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(histories(commands_max=40))
    def collect(life: Life) -> None:
        lives.setdefault(life.stream, life)

    collect()
    return list(lives.values())


def interleaved(lives: list[Life]) -> list[Entry]:
    """All events, the jobs' taking turns, numbered as one log."""
    entries = [
        Entry.of(life.history[at])
        for at in range(max(len(life.history) for life in lives))
        for life in lives
        if at < len(life.history)
    ]
    for number, entry in enumerate(entries, start=1):
        entry.sequence = number
    return entries


def storable(value: object) -> object:
    return value.replace("\x00", "\ufffd") if isinstance(value, str) else value


@pytest.mark.parametrize("batch", [1, 7, 1000])
async def test_any_history_is_in_the_database_as_it_was_drafted(world: World, batch: int) -> None:
    lives = some_lives(40)
    entries = interleaved(lives)
    connection = await connect_database(world.database.url("projector"), name="test")
    tables = Tables(connection, "read")
    projection = Projection(tables, await tables.create("some log"), Objects(world.client).get)
    for start in range(0, len(entries), batch):
        projection._rows.clear()  # so that every batch goes on from what the database says
        await projection.begin(entries[start : start + batch])
    await projection.settle()
    found = await tables.rows(str(life.stream.id) for life in lives)
    steps = await connection.fetch('SELECT job_id, name, message FROM read.job_steps ORDER BY "order"')
    await connection.close()
    assert projection.parked == {}
    assert await world.value("SELECT count(*) FROM read.job_events") == len(entries)
    for life in lives:
        job, rows = folding.project(life.history)
        row = found[f"{life.stream.owner}.{life.stream.id}"]
        assert timeless(row) == timeless(job)
        assert [(s["name"], s["message"]) for s in steps if s["job_id"] == life.stream.id] == [
            (each.name, storable(each.message)) for each in rows[StepRow]
        ]


def timeless(job: JobRow) -> dict[str, object]:
    """All but the columns whose text the database writes in its own way, and the place in a log that the fold does not have."""
    skipped = ("created_at", "updated_at", "sequence", "fold")
    return {name: storable(getattr(job, name)) for name in job.__struct_fields__ if name not in skipped}


async def test_the_tables_have_the_columns_the_code_names(world: World) -> None:
    async with world.projecting():
        await world.append(build_history(a_stream()))
        await world.caught_up()
    for table in (JOBS, JOB_EVENTS, *TABLES.values()):
        columns = await world.fetch(
            "SELECT attname, format_type(atttypid, atttypmod) AS kind FROM pg_attribute "
            "WHERE attrelid = to_regclass($1) AND attnum > 0 ORDER BY attnum",
            f"read.{table.name}",
        )
        named = {name: kind.replace("timestamptz", "timestamp with time zone") for name, kind in table.columns.items()}
        assert {row["attname"]: row["kind"] for row in columns} == named
    assert tuple(JOBS.columns) == JobRow.__struct_fields__
    for kind, table in TABLES.items():
        assert tuple(table.columns) == kind._fields


async def test_the_projectors_role_cannot_read_who_people_are(world: World) -> None:
    projector = await asyncpg.connect(world.database.url("projector"))
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await projector.fetch("SELECT * FROM identity.users")
    await projector.close()


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(histories())
def test_the_fixed_columns_of_a_job_never_change(life: Life) -> None:
    first, _ = folding.project(life.history[:1])
    last, _ = folding.project(life.history)
    assert [getattr(last, name) for name in JOBS.fixed] == [getattr(first, name) for name in JOBS.fixed]
