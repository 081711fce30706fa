"""Events and commands as JSON Schema and as AsyncAPI 3, made from the very structs that are stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from libs.events.codec import EventRegistry

__all__ = ["Contract", "asyncapi", "json_schema"]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_ID = {"type": "string", "format": "uuid"}


class Contract(NamedTuple):
    """What one sort of aggregates stores: its events, its commands by verb, and which service decides each verb."""

    events: EventRegistry[Any]
    commands: Mapping[str, type[msgspec.Struct]]
    decided_by: Mapping[str, str]


def json_schema(*contracts: Contract) -> dict[str, Any]:
    """All payloads under `$defs`: events by class name, commands by class name."""
    _, components = msgspec.json.schema_components(_structs(contracts), ref_template="#/$defs/{name}")
    return {"$schema": _DIALECT, "title": "jobstream events and commands", "$defs": components}


def asyncapi(version: str, *contracts: Contract) -> dict[str, Any]:
    """What travels on NATS: `evt.>` (stored), `live.>` (stored and republished) and `cmd.>`, one message a type."""
    _, schemas = msgspec.json.schema_components(_structs(contracts), ref_template="#/components/schemas/{name}")
    events = {name: event for each in contracts for name, event in each.events.current.items()}
    commands = {verb: command for each in contracts for verb, command in each.commands.items()}
    decided_by = {verb: service for each in contracts for verb, service in each.decided_by.items()}
    messages: dict[str, Any] = {}
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    for name, event in events.items():
        messages[name] = _message(name, event, f"Stored on `evt.<owner>.<id>.{name}`; schema version {event.schema}.")
    for verb, command in commands.items():
        messages[f"command_{verb}"] = _message(verb, command, f"Decided by the service `{decided_by[verb]}`.")
    for prefix, action in (("evt", "send"), ("live", "receive")):
        channels[prefix] = {
            "address": f"{prefix}.{{owner}}.{{id}}.{{type}}",
            "parameters": {"owner": {}, "id": {}, "type": {"enum": sorted(events)}},
            "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in events},
        }
        operations[prefix] = {"action": action, "channel": {"$ref": f"#/channels/{prefix}"}}
    channels["cmd"] = {
        "address": "cmd.{owner}.{id}.{verb}",
        "parameters": {"owner": {}, "id": {}, "verb": {"enum": sorted(commands)}},
        "messages": {verb: {"$ref": f"#/components/messages/command_{verb}"} for verb in commands},
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


def _structs(contracts: tuple[Contract, ...]) -> list[type[msgspec.Struct]]:
    return [struct for each in contracts for struct in (*each.events.current.values(), *each.commands.values())]


def _message(name: str, payload: type[msgspec.Struct], summary: str) -> dict[str, Any]:
    return {
        "name": name,
        "summary": summary,
        "headers": {
            "type": "object",
            "properties": {
                "Nats-Msg-Id": _ID,
                "Event-Version": {"type": "string", "description": "the version of its job or profile, counted from 1"},
                "Event-Schema": {"type": "string"},
                "Event-Time": {"type": "string", "format": "date-time"},
                "Correlation-Id": _ID,
                "Causation-Id": _ID,
                "traceparent": {"type": "string"},
            },
        },
        "payload": {"$ref": f"#/components/schemas/{payload.__name__}"},
    }
