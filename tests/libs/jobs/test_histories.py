"""Histories stored by older code: each still reads, folds to what it meant then, and is never edited."""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from libs.events.event import Cause, Recorded
from libs.events.subjects import StreamId
from libs.jobs.events import EVENTS, JobEvent
from libs.jobs.evolve import fold
from libs.jobs.state import Decision, Job, Status

HISTORIES = Path(__file__).parents[2] / "histories"
FILES = sorted(HISTORIES.glob("*.jsonl"))


class Line(msgspec.Struct, kw_only=True):
    """An event as it was stored: `data` is the payload, byte for byte."""

    owner: UUID
    job: UUID
    version: int
    sequence: int
    id: UUID
    type: str
    schema: int
    time: datetime
    data: msgspec.Raw
    causation_id: UUID | None = None
    command_sequence: int | None = None


def lines(path: Path) -> list[Line]:
    return [msgspec.json.decode(line, type=Line) for line in path.read_bytes().splitlines()]


def history(path: Path) -> list[Recorded[JobEvent]]:
    return [
        Recorded(
            stream=StreamId(line.owner, line.job),
            version=line.version,
            sequence=line.sequence,
            id=line.id,
            type=line.type,
            schema=line.schema,
            time=line.time,
            event=EVENTS.decode(line.type, line.schema, bytes(line.data)),
            cause=Cause(causation_id=line.causation_id, command_sequence=line.command_sequence),
        )
        for line in lines(path)
    ]


def replayed(name: str) -> Job:
    job = fold(history(HISTORIES / f"{name}.jsonl"))
    assert job is not None
    return job


def test_every_event_type_is_in_a_stored_history() -> None:
    stored = {(line.type, line.schema) for path in FILES for line in lines(path)}
    assert {(name, event.schema) for name, event in EVENTS.current.items()} <= stored


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_stored_history_is_never_edited(path: Path) -> None:
    digests = dict(reversed(line.split("  ")) for line in (HISTORIES / "SHA256SUMS").read_text().splitlines())
    assert hashlib.sha256(path.read_bytes()).hexdigest() == digests[path.name]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_stored_history_folds(path: Path) -> None:
    job = fold(history(path))
    assert job is not None
    assert job.version == len(lines(path))


def test_a_build_with_an_approval_means_what_it_meant() -> None:
    job = replayed("build_with_approval")
    assert job.status is Status.DONE
    assert [message.role for message in job.messages] == ["user", "agent", "user", "agent"]
    assert [(step.name, step.order, step.agent) for step in job.steps.values()] == [
        ("ceo-1", 1, "CEO"),
        ("cto-1", 2, "CTO"),
        ("secretary-1", 3, "Secretary"),
    ]
    assert job.requirements_summary == "## Features\n- Café-Finder"
    assert job.asked["plan"].decision is Decision.GRANTED
    assert job.app is not None
    assert job.commands_decided == {"agents": 9, "runner": 15}
    assert (job.attempts, job.reply_attempts, job.tries, job.unanswered) == (2, 3, {}, ())


def test_a_talk_that_failed_and_was_retried_means_what_it_meant() -> None:
    job = replayed("talk_fails_and_is_retried")
    assert (job.status, job.error, job.reply, job.unanswered) == (Status.CANCELLED, None, None, ())
    assert len(job.handled) == 3


def test_a_sweep_with_children_means_what_it_meant() -> None:
    job = replayed("sweep_with_children")
    assert job.status is Status.DONE
    assert job.parent is not None
    assert {name: (child.status, child.round) for name, child in job.children.items()} == {
        "cell-0": (Status.DONE, 1),
        "cell-1": (Status.DONE, 0),
        "cell-2": (Status.DONE, 1),
    }
    assert (job.retries, job.attempts, job.children_open) == (1, 3, {})
    assert (job.maps["rounds"].total, job.maps["rounds"].taken) == (100, 17)


def test_a_simulation_with_everything_means_what_it_meant() -> None:
    job = replayed("simulation_with_everything")
    assert job.status is Status.DONE
    assert bytes(job.result) == b'{"ev": -0.0051}'
    assert (job.maps["shards"].total, job.maps["shards"].digest) == (4, "SHA-256=abc")
    assert job.timers["nap"].fired
    assert bytes(job.signals["paid"].data) == b'{"euro": 5}'
    assert [artifact.name for artifact in job.artifacts] == ["hands.csv"]
    assert job.attempts == 4
