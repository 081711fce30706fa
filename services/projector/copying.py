"""Rows as Postgres' COPY text and as the text arrays of an upsert: the two forms in which a batch travels."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from services.projector.entry import Entry
from services.projector.model import JobRow, MessageRow, StepRow, Table

__all__ = ["event_line", "job_values", "message_line", "step_line", "text", "upsert"]

_SPECIAL = re.compile(r"[\\\t\n\r\x00]")


def _escape(value: str) -> str:
    if _SPECIAL.search(value) is None:
        return value
    # Postgres' text cannot hold a zero character: it becomes what Unicode has for the unreadable.
    value = value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
    return value.replace("\x00", "\ufffd")


def text(value: object) -> str | None:
    """A value of a row as the text that Postgres reads in its column's type."""
    if value is None:
        return None
    if value.__class__ is str:
        return value.replace("\x00", "\ufffd") if "\x00" in value else value
    if value is True:
        return "t"
    if value is False:
        return "f"
    return str(value)


def _optional(value: str | None) -> str:
    return "\\N" if value is None else _escape(value)


def step_line(row: StepRow) -> str:
    """The row's line of COPY; like the next two written by hand, since together they are most of what there is."""
    return (
        f"{row.job_id}\t{row.order}\t{row.owner_id}\t{row.id}\t{_escape(row.name)}\t{_escape(row.agent_name)}\t"
        f"{_escape(row.message)}\t{row.attempt}\t{row.tries}\t{row.duration_seconds}\t{_optional(row.stream)}\t"
        f"{_optional(row.usage)}\t{row.version}\t{row.created_at}\n"
    )


def message_line(row: MessageRow) -> str:
    """The row's line of COPY."""
    return (
        f"{row.job_id}\t{row.version}\t{row.owner_id}\t{row.id}\t{row.role}\t{_escape(row.sender)}\t{_escape(row.content)}\t"
        f"{_escape(row.metadata)}\t{_optional(row.stream)}\t{_optional(row.usage)}\t{row.created_at}\n"
    )


def event_line(entry: Entry) -> bytes:
    """The event's line of `job_events`."""
    head = (
        f"{entry.aggregate_id}\t{entry.version}\t{entry.sequence}\t{entry.owner_id}\t{entry.id}\t{entry.type}\t{entry.schema}\t"
        f"{entry.time}\t{entry.correlation_id or chr(92) + 'N'}\t{entry.causation_id or chr(92) + 'N'}\t"
    )
    data = entry.data.replace(b"\\", b"\\\\")
    if b"\n" in data or b"\t" in data or b"\r" in data:  # never in what this project writes, yet legal JSON
        data = data.replace(b"\t", b"\\t").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
    return head.encode() + data + b"\n"


def job_values(job: JobRow) -> Sequence[object]:
    """A job's row in the order of its columns."""
    *shown, fold = msgspec.structs.astuple(job)
    return (*shown, msgspec.json.encode(fold).decode())


def upsert(schema: str, table: Table) -> str:
    """One statement that stores any number of rows, given column by column as arrays of text, replacing those of the same key."""
    columns = ", ".join(f'"{name}"' for name in table.columns)
    arrays = ", ".join(f"${number}::text[]::{kind}[]" for number, kind in enumerate(table.columns.values(), start=1))
    keys = ", ".join(f'"{name}"' for name in table.key)
    kept = {*table.key, *table.fixed}
    changes = ", ".join(f'"{name}" = EXCLUDED."{name}"' for name in table.columns if name not in kept)
    return (
        f'INSERT INTO "{schema}"."{table.name}" ({columns}) SELECT * FROM unnest({arrays}) '  # noqa: S608  # names of ours
        f"ON CONFLICT ({keys}) DO UPDATE SET {changes}"
    )
