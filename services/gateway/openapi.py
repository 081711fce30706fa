"""The OpenAPI document, from what the handlers really use: the structs they decode, the structs they answer, the problems they raise."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from litestar.handlers import HTTPRouteHandler

from services.gateway.problems import Code, ProblemDocument

__all__ = ["Operation", "document"]

_PARAMETER = re.compile(r"\{(\w+)(?::\w+)?\}")
_FILE = re.compile(r"\.\w+\Z|:path\}\Z")  # a file's name, which ends an address
_COMPONENTS = "#/components/schemas/{name}"
# What any call may answer; the framework and the gate raise them before a handler is reached.
_EVERYWHERE = (Code.INTERNAL_ERROR,)
_SIGNED_IN = (Code.TOKEN_MISSING, Code.TOKEN_INVALID, Code.TOKEN_EXPIRED, Code.RATE_LIMITED)
_WITH_BODY = (Code.INVALID_JSON, Code.INVALID_INPUT, Code.UNSUPPORTED_MEDIA_TYPE, Code.TOO_LARGE)


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """What a handler promises; it lies in the handler's `opt["operation"]`."""

    summary: str
    answers: Mapping[int, Any]  # status -> type of the body, None for an empty one
    tag: str
    body: type[msgspec.Struct] | None = None
    query: type[msgspec.Struct] | None = None
    headers: Mapping[str, str] = {}  # request header -> what it means
    answer_headers: Mapping[str, str] = {}
    media_types: tuple[str, ...] = ("application/json",)
    problems: tuple[Code, ...] = ()
    signed_in: bool = True

    @property
    def codes(self) -> tuple[Code, ...]:
        """Every code it may answer."""
        codes = [*self.problems, *_EVERYWHERE]
        if self.signed_in:
            codes += _SIGNED_IN
        if self.body is not None:
            codes += _WITH_BODY
        if self.query is not None or self.headers:
            codes.append(Code.INVALID_PARAMETER)
        return tuple(dict.fromkeys(codes))


def document(handlers: Iterable[HTTPRouteHandler], *, version: str) -> dict[str, Any]:
    """OpenAPI 3.1."""
    described = [(handler, handler.opt["operation"]) for handler in handlers if "operation" in handler.opt]
    types: list[Any] = [ProblemDocument]
    for _, operation in described:
        types += [each for each in (operation.body, operation.query, *operation.answers.values()) if each is not None]
    schemas, components = msgspec.json.schema_components(types, ref_template=_COMPONENTS)
    schema_of = {id(each): schema for each, schema in zip(types, schemas, strict=True)}
    paths: dict[str, dict[str, Any]] = {}
    for handler, operation in described:
        for path in sorted(handler.paths):
            shown = _PARAMETER.sub(r"{\1}", path)
            if shown.startswith("/api/") and not _FILE.search(path):
                shown = shown.rstrip("/") + "/"
            for method in sorted(handler.http_methods):
                described_operation = _operation(operation, path, schema_of, components)
                described_operation["operationId"] = f"{handler.handler_name}_{len(paths)}"
                paths.setdefault(shown, {})[str(method).lower()] = described_operation
    used_by_parameters = {operation.query.__name__ for _, operation in described if operation.query is not None}
    return {
        "openapi": "3.1.0",
        "info": {"title": "jobstream", "version": version, "description": "Trailing slashes are optional."},
        "paths": paths,
        "components": {
            "schemas": {name: schema for name, schema in components.items() if name not in used_by_parameters},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _operation(
    operation: Operation, path: str, schema_of: Mapping[int, Any], components: Mapping[str, Any]
) -> dict[str, Any]:
    found: dict[str, Any] = {
        "summary": operation.summary,
        "tags": [operation.tag],
        "security": [{"bearer": []}] if operation.signed_in else [],
        "parameters": [
            *_path_parameters(path),
            *_query_parameters(operation, components),
            *_header_parameters(operation),
        ],
        "responses": _responses(operation, schema_of),
    }
    if operation.body is not None:
        required = bool(components[operation.body.__name__].get("required"))
        content = {"application/json": {"schema": schema_of[id(operation.body)]}}
        found["requestBody"] = {"required": required, "content": content}
    return found


def _path_parameters(path: str) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "format": "uuid"} if name.endswith("_id") else {"type": "string"},
        }
        for name in _PARAMETER.findall(path)
    ]


def _query_parameters(operation: Operation, components: Mapping[str, Any]) -> list[dict[str, Any]]:
    if operation.query is None:
        return []
    model = components[operation.query.__name__]
    required = model.get("required", [])
    found = []
    for name, property_schema in model["properties"].items():
        schema = _without_null(property_schema)
        meaning = schema.pop("description", None)
        parameter = {"name": name, "in": "query", "required": name in required, "schema": schema}
        found.append(parameter | ({} if meaning is None else {"description": meaning}))
    return found


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """In a query string there is no null: a parameter is left out."""
    if "anyOf" not in schema:
        return dict(schema)
    kept = [each for each in schema["anyOf"] if each.get("type") != "null"]
    rest = {name: value for name, value in schema.items() if name not in ("anyOf", "default")}
    return rest | (kept[0] if len(kept) == 1 else {"anyOf": kept})


def _header_parameters(operation: Operation) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "header", "required": False, "description": meaning, "schema": {"type": "string"}}
        for name, meaning in operation.headers.items()
    ]


def _responses(operation: Operation, schema_of: Mapping[int, Any]) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status, body in operation.answers.items():
        response: dict[str, Any] = {"description": operation.summary}
        if body is not None:
            response["content"] = {
                media_type: {"schema": schema_of[id(body)] if media_type.endswith("json") else {"type": "string"}}
                for media_type in operation.media_types
            }
        if operation.answer_headers:
            response["headers"] = {
                name: {"description": meaning, "schema": {"type": "string"}}
                for name, meaning in operation.answer_headers.items()
            }
        responses[str(status)] = response
    by_status: dict[int, list[Code]] = {}
    for code in operation.codes:
        by_status.setdefault(code.status, []).append(code)
    for status, codes in sorted(by_status.items()):
        described = "; ".join(f"`{code}`: {code.heading}" for code in codes)
        content = {"application/problem+json": {"schema": schema_of[id(ProblemDocument)]}}
        responses[str(status)] = {"description": described, "content": content}
    return responses
