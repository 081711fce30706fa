"""The HTTP interface, from the document that the gateway serves at `/schema`."""

from __future__ import annotations

import json
from typing import Any
from unittest.mock import MagicMock

from docs.generating.markdown import code, table
from docs.generating.markdown import page as whole
from services.gateway.handlers.actions import action_handlers
from services.gateway.handlers.apps import app_handlers
from services.gateway.handlers.artifacts import artifact_handlers
from services.gateway.handlers.auth import auth_handlers
from services.gateway.handlers.events import event_handlers
from services.gateway.handlers.jobs import job_handlers
from services.gateway.handlers.operations import operations_handlers
from services.gateway.handlers.profiles import profile_handlers
from services.gateway.handlers.simulations import simulation_handlers
from services.gateway.openapi import document

__all__ = ["openapi", "page"]

_INTRODUCTION = """\
JSON in and out; trailing slashes are optional; times are UTC in ISO 8601; ids are UUIDs. Everything but `/api/auth/` needs
`Authorization: Bearer <access token>`. Errors are `application/problem+json` with a `code` from [one closed list](errors.md); besides those
named here any call may answer `internal_error`, and any call with a token the `token_...` codes and `rate_limited`.

The whole as OpenAPI 3.1: [schemas/openapi.json](schemas/openapi.json), also served at `/schema`."""

_EVERYWHERE = {"internal_error", "token_missing", "token_invalid", "token_expired", "rate_limited"}


def _document() -> dict[str, Any]:
    """The handlers are described without being called, so anything will do for what they work with."""
    world: Any = MagicMock()
    described = [
        *auth_handlers(world, world),
        *job_handlers(world, world, world, world),
        *action_handlers(world, world),
        *event_handlers(world, world, world),
        *app_handlers(world, world, world),
        *artifact_handlers(world, world, world),
        *simulation_handlers(world, world, world, world, world, world, world),
        *profile_handlers(world, world),
    ]
    return document(described, version="1")


def openapi() -> str:
    """The document as JSON."""
    return json.dumps(_document(), indent=2, ensure_ascii=False) + "\n"


def page() -> str:
    """docs/reference/http.md"""
    described = _document()
    blocks: list[str] = []
    tag = None
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            if operation["tags"][0] != tag:
                tag = operation["tags"][0]
                blocks.append(f"## {tag.capitalize()}")
            blocks += _operation(method.upper(), path, operation, described["components"]["schemas"])
    blocks += ["## Operations", _operations(), "## Bodies", *_bodies(described)]
    return whole("HTTP", _INTRODUCTION, *blocks)


def _operation(method: str, path: str, operation: dict[str, Any], schemas: dict[str, Any]) -> list[str]:
    lines = [f"### {method} {path}", operation["summary"] + "."]
    rows = [
        (code(each["name"]), each["in"], _type(each["schema"]), each.get("description", ""))
        for each in operation["parameters"]
    ]
    lines.append(table(("Parameter", "In", "Type", "Meaning"), rows))
    body = operation.get("requestBody")
    if body:
        lines.append(f"Body: {_type(body['content']['application/json']['schema'])}.")
    for status, response in operation["responses"].items():
        if int(status) < 400:
            lines.append(_answer(status, response))
    problems = [f"{code(each)} ({status})" for status, each in _codes(operation)]
    if problems:
        lines.append(f"Problems: {', '.join(problems)}.")
    return lines


def _answer(status: str, response: dict[str, Any]) -> str:
    content = response.get("content", {})
    kinds = [f"{_type(each['schema'])} as `{media}`" for media, each in content.items()]
    headers = [f"{code(name)} ({each['description']})" for name, each in response.get("headers", {}).items()]
    told = f"Answers {status}" + (f": {' or '.join(kinds)}" if kinds else ", without a body") + "."
    return told + (f" Headers: {', '.join(headers)}." if headers else "")


def _codes(operation: dict[str, Any]) -> list[tuple[str, str]]:
    found = []
    for status, response in operation["responses"].items():
        if int(status) >= 400:
            names = [
                each.partition("`:")[0].lstrip("` ") for each in response["description"].split("; ") if "`:" in each
            ]
            found += [(status, name) for name in names if name not in _EVERYWHERE]
    return found


def _bodies(described: dict[str, Any]) -> list[str]:
    blocks = []
    for name, schema in described["components"]["schemas"].items():
        required = schema.get("required", [])
        rows = (
            (code(field), _type(each), "yes" if field in required else "no", _notes(each))
            for field, each in schema.get("properties", {}).items()
        )
        blocks += [f"### {name}", schema.get("description", ""), table(("Field", "Type", "Required", "Limits"), rows)]
    return blocks


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_type(each) for each in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(code(str(each)) for each in schema["enum"])
    if schema.get("type") == "array":
        items = schema.get("items")
        return f"list of {_type(items)}" if isinstance(items, dict) and items else "list"
    shown = schema.get("format") or schema.get("type") or "any JSON"
    return str(shown)


def _notes(schema: dict[str, Any]) -> str:
    for each in schema.get("anyOf", ()):
        schema = each | schema
    names = {
        "minimum": ">=",
        "maximum": "<=",
        "minLength": "length >=",
        "maxLength": "length <=",
        "maxItems": "items <=",
    }
    limits = [f"{sign} {schema[name]:,}" for name, sign in names.items() if name in schema]
    default = [f"default {code(json.dumps(schema['default']))}"] if schema.get("default") is not None else []
    return "; ".join([*filter(None, [schema.get("description")]), *limits, *default])


def _operations() -> str:
    world: Any = MagicMock()
    paths = sorted(path for handler in operations_handlers(world, world, world, []) for path in handler.paths)
    meanings = {
        "/livez": "200 while the process runs",
        "/metrics": "metrics in Prometheus' text format",
        "/problems": "the list of error codes",
        "/problems/{code:str}": "one of them",
        "/readyz": "200 where work may be sent here, else 503; the body names every check and defect",
        "/schema": "OpenAPI 3.1",
        "/schema/openapi.json": "the same",
        "/schema/asyncapi.json": "AsyncAPI 3 of the socket",
    }
    told = "Without a token. The other services serve `/livez`, `/readyz` and `/metrics` at their `HEALTH_HOST:HEALTH_PORT`."
    return f"{told}\n\n" + table(("GET", "Answers"), ((code(path), meanings.get(path, "")) for path in paths))
