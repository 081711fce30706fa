"""What is stored and what travels: events, commands, frames, error codes, and their schemas as JSON."""

from __future__ import annotations

import json
import typing
from datetime import UTC, datetime
from functools import cache
from typing import Any, get_args, get_origin
from uuid import UUID

import msgspec

from docs.generating.markdown import code, page, table
from docs.generating.structs import docstring, fields
from libs.events import schemas
from libs.events.event import Event, Recorded
from libs.events.schemas import Contract
from libs.events.subjects import StreamId
from libs.jobs import commands, events
from libs.jobs.commands import WIRE
from libs.jobs.events import EVENTS
from libs.jobs.schemas import JOBS
from libs.profiles.schemas import PROFILES
from services.gateway.live import asyncapi, inbound
from services.gateway.live.frames import ControlFrame, DurableFrame
from services.gateway.live.translation import frame_of, status_after
from services.gateway.problems import Code

__all__ = [
    "commands_page",
    "errors_page",
    "events_page",
    "frames_page",
    "json_schema",
    "nats_asyncapi",
    "socket_asyncapi",
]

VERSION = "1"
_HEADS = ("Field", "Type", "Default", "Meaning")

_EVENTS = """\
Everything that can be true of a job, and [of a profile](#events-of-profiles). An event is a message on `evt.<owner>.<job>.<type>` in the
stream EVENTS; its payload is the JSON object below, its place and cause are in [headers](messages.md#headers). A job's events are numbered
1, 2, 3, ... without gaps: its version.

The same as JSON Schema: [schemas/events-and-commands.schema.json](schemas/events-and-commands.schema.json); as AsyncAPI 3:
[schemas/nats.asyncapi.json](schemas/nats.asyncapi.json). Payloads above 64 KiB are objects in ARTIFACTS, named by the header `Payload-Object`.

Each event of a job is exactly one [frame](frames.md) at a watching socket; its kind is in the table."""

_PROFILE_EVENTS = """\
A user's own profiles are aggregates beside the jobs: the same stream and headers, on `evt.<owner>.<profile>.<type>`, with versions of their
own. Their types are none of a job's, so a type says which of the two an event is about."""

_COMMANDS = """\
What people can want of a job. A command is a message on `cmd.<owner>.<job>.<verb>` in the stream COMMANDS; the gateway stores it, the service
named here decides it, and what it made of the job are events with the command's id as `causation_id`. A command that cannot be obeyed makes
a [`command_refused`](events.md#command_refused), whose `allowed` names the verbs that could be."""

_PROFILE_COMMANDS = """\
A profile's commands are messages on `cmd.<owner>.<profile>.<verb>`; a refusal is a [`profile_change_refused`](events.md#profile_change_refused).
The profile's id follows from its owner, type and name, so a name stands for one profile only."""

_FRAMES = """\
What travels on the WebSocket `/ws/jobs/<job_id>/`. Every frame is a flat JSON object with `kind`. The same as AsyncAPI 3:
[schemas/socket.asyncapi.json](schemas/socket.asyncapi.json), also served at `/schema/asyncapi.json`."""

_DURABLE = """\
One for every event, in order, none skipped. Fields whose value is their default are left out. All of them have:"""


def events_page() -> str:
    """docs/reference/events.md"""
    rows = []
    blocks = []
    for name, event in EVENTS.current.items():
        kind, status = _frame(event)
        summary = docstring(event)
        rows.append((f"[`{name}`](#{name})", code(kind), code(status), summary))
        blocks += [f"## {name}", f"{summary} Schema version {event.schema}.".strip(), _fields(event)]
    blocks += ["## Parts", *_parts(events.Failure, events.Usage)]
    overview = table(("Type", "Frame", "Status after it", "Meaning"), rows)
    types = PROFILES.events.current.items()
    others = table(("Type", "Meaning"), ((f"[`{name}`](#{name})", docstring(event)) for name, event in types))
    blocks += ["## Events of profiles", _PROFILE_EVENTS, others]
    for name, event in types:
        blocks += [f"### {name}", f"{docstring(event)} Schema version {event.schema}.", _fields(event)]
    return page("Events", _EVENTS, overview, *blocks)


def commands_page() -> str:
    """docs/reference/commands.md"""
    blocks = _wire(JOBS, "##")
    others = [each for each in get_args(commands.JobCommand) if each not in WIRE.values()]
    inner = table(("Command", "Meaning"), ((code(each.__name__), docstring(each)) for each in others))
    blocks += ["## Commands of workers", "These never leave the process that decides them.", inner]
    blocks += ["## Commands of profiles", _PROFILE_COMMANDS, *_wire(PROFILES, "###")]
    return page("Commands", _COMMANDS, *blocks)


def _wire(contract: Contract, level: str) -> list[str]:
    blocks = []
    for verb, command in contract.commands.items():
        decided = f"Decided by the service `{contract.decided_by[verb]}`. {docstring(command)}".strip()
        blocks += [f"{level} {verb}", decided, _fields(command)]
    return blocks


def frames_page() -> str:
    """docs/reference/frames.md"""
    durable, steering, said = get_args(DurableFrame), get_args(ControlFrame), get_args(inbound.ClientFrame)
    envelope = durable[0].__mro__[1]
    blocks = ["## Durable frames", _DURABLE, _fields(envelope)]
    for frame in durable:
        blocks += [f"### {_kind(frame)}", docstring(frame), _fields(frame, inherited=False)]
    blocks.append("## Frames that steer the connection")
    for frame in steering:
        blocks += [f"### {_kind(frame)}", docstring(frame), _fields(frame)]
    blocks += [
        "## Frames of the client",
        "`ref` comes back in the `ack` or `error`; `key` makes a frame idempotent: the same key and kind on the same job are the same command.",
    ]
    for frame in said:
        blocks += [f"### {_kind(frame)} (client)", docstring(frame), _fields(frame)]
    codes = table(("Code", "Why, and what to do"), ((str(n), why) for n, why in sorted(asyncapi._CLOSE_CODES.items())))
    return page("Frames", _FRAMES, *blocks, "## Close codes", codes)


def errors_page() -> str:
    """docs/reference/errors.md"""
    rows = ((code(each), str(each.status), "yes" if each.retryable else "no", each.heading) for each in Code)
    return page(
        "Error codes",
        "One closed list, shared by HTTP answers (`application/problem+json`, RFC 9457) and `error` frames; also served at `/problems/`. "
        "Programs decide by `code`; `detail` is one sentence for people. A code is never renamed.",
        table(("Code", "HTTP status", "The same request may succeed later", "Meaning"), rows),
        "An HTTP problem may also carry `errors` (`[{pointer, detail}]`: which fields), `allowed` (with 409: the verbs that the job allows now) "
        "and `retry_after` (seconds, as in the header).",
    )


def json_schema() -> str:
    """Payloads of all events and commands."""
    return _json(schemas.json_schema(JOBS, PROFILES))


def nats_asyncapi() -> str:
    """What travels on NATS."""
    return _json(schemas.asyncapi(VERSION, JOBS, PROFILES))


def socket_asyncapi() -> str:
    """What travels on the socket."""
    return _json(json.loads(asyncapi.document()))


def _json(document: Any) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _parts(*structs: type[msgspec.Struct]) -> list[str]:
    return [text for each in structs for text in (f"### {each.__name__}", docstring(each), _fields(each))]


def _fields(struct: type[msgspec.Struct], *, inherited: bool = True) -> str:
    rows = (
        (code(each.name), code(each.type), "" if each.default is None else code(each.default), each.doc)
        for each in fields(struct, inherited=inherited)
    )
    return table(_HEADS, rows) or "No fields."


def _kind(frame: type[msgspec.Struct]) -> str:
    return str(frame.__struct_config__.tag)


@cache
def _frame(event: type[Event]) -> tuple[str, str]:
    """The kind of an event's frame, and the status it leads to where that is always the same."""
    nobody = UUID(int=0)
    sample = _sample(event)
    recorded: Recorded[Any] = Recorded(
        stream=StreamId(nobody, nobody),
        version=1,
        sequence=1,
        id=nobody,
        type=event.type_name(),
        schema=event.schema,
        time=datetime(2026, 1, 1, tzinfo=UTC),
        event=sample,
    )
    statuses = {status_after(each) for each in _variants(sample)}
    return _kind(type(frame_of(recorded))), " or ".join(sorted(str(each) for each in statuses if each is not None))


def _variants(sample: Any) -> list[Any]:
    """The sample with each value of the fields that decide about the status."""
    choices: dict[str, tuple[Any, ...]] = {
        "talks": (True, False),
        "resumes": ("conversation", "workflow"),
        "waits": (("approval/plan",), ("timer/nap",)),
    }
    for name, values in choices.items():
        if name in {each.name for each in msgspec.structs.fields(type(sample))}:
            return [msgspec.structs.replace(sample, **{name: value}) for value in values]
    return [sample]


def _sample(struct: type[Any]) -> Any:
    required = (each for each in msgspec.structs.fields(struct) if each.required)
    return struct(**{each.name: _value(each.type) for each in required})


def _value(kind: Any) -> Any:
    values: dict[Any, Any] = {str: "", int: 1, float: 1.0, bool: True, UUID: UUID(int=0), Any: None}
    values[datetime] = datetime(2026, 1, 1, tzinfo=UTC)
    values[msgspec.Raw] = msgspec.Raw(b"null")
    if get_origin(kind) is typing.Literal:
        return get_args(kind)[0]
    if get_origin(kind) is tuple:
        return ()
    return _sample(kind) if isinstance(kind, type) and issubclass(kind, msgspec.Struct) else values[kind]
