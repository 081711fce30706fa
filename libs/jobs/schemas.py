"""The job's events and commands as JSON Schema and as AsyncAPI 3, made from the very structs that are stored."""

from __future__ import annotations

from typing import Any

import msgspec

from libs.jobs.commands import VERBS, WIRE
from libs.jobs.events import EVENTS

__all__ = ["asyncapi", "json_schema"]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_ID = {"type": "string", "format": "uuid"}


def json_schema() -> dict[str, Any]:
    """All payloads under `$defs`: events by class name, commands by class name."""
    types = [*EVENTS.current.values(), *WIRE.values()]
    _, components = msgspec.json.schema_components(types, ref_template="#/$defs/{name}")
    return {"$schema": _DIALECT, "title": "jobstream events and commands", "$defs": components}


def asyncapi(version: str) -> dict[str, Any]:
    """What travels on NATS: `evt.>` (stored), `live.>` (stored and republished) and `cmd.>`, one message a type."""
    types = [*EVENTS.current.values(), *WIRE.values()]
    _, schemas = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    messages: dict[str, Any] = {}
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    for name, event in EVENTS.current.items():
        messages[name] = _message(name, event, f"Stored on `evt.<owner>.<job>.{name}`; schema version {event.schema}.")
    for verb, command in WIRE.items():
        messages[f"command_{verb}"] = _message(verb, command, f"Decided by the service `{VERBS[verb]}`.")
    for prefix, action in (("evt", "send"), ("live", "receive")):
        channels[prefix] = {
            "address": f"{prefix}.{{owner}}.{{job}}.{{type}}",
            "parameters": {"owner": {}, "job": {}, "type": {"enum": sorted(EVENTS.current)}},
            "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in EVENTS.current},
        }
        operations[prefix] = {"action": action, "channel": {"$ref": f"#/channels/{prefix}"}}
    channels["cmd"] = {
        "address": "cmd.{owner}.{job}.{verb}",
        "parameters": {"owner": {}, "job": {}, "verb": {"enum": sorted(WIRE)}},
        "messages": {verb: {"$ref": f"#/components/messages/command_{verb}"} for verb in WIRE},
    }
    operations["cmd"] = {"action": "send", "channel": {"$ref": "#/channels/cmd"}}
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "jobstream on NATS", "version": version},
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {"schemas": schemas, "messages": messages},
    }


def _message(name: str, payload: type[msgspec.Struct], summary: str) -> dict[str, Any]:
    return {
        "name": name,
        "summary": summary,
        "headers": {
            "type": "object",
            "properties": {
                "Nats-Msg-Id": _ID,
                "Event-Version": {"type": "string", "description": "the job's version, counted from 1 without gaps"},
                "Event-Schema": {"type": "string"},
                "Event-Time": {"type": "string", "format": "date-time"},
                "Correlation-Id": _ID,
                "Causation-Id": _ID,
                "traceparent": {"type": "string"},
            },
        },
        "payload": {"$ref": f"#/components/schemas/{payload.__name__}"},
    }
