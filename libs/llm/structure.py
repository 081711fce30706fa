"""Structured output: a struct as a schema every server accepts, the request for it, and the reply read back."""

from __future__ import annotations

import functools
import re
from typing import Any, Literal

import msgspec

from libs.llm.port import ChatMessage, ModelInvalidJson

__all__ = ["MODES", "Mode", "format_for", "instructions_for", "looks_like_json", "parse", "strict_schema"]

Mode = Literal["json_schema", "json_object", "text"]
MODES: tuple[Mode, ...] = ("json_schema", "json_object", "text")
"""How structure is asked for, the strongest first: a schema; any JSON object, the schema told in words; not at all."""

_FENCE = re.compile(r"^\s*```(?:json)?\s*(?P<body>.*?)\s*(?:```\s*)?$", re.DOTALL | re.IGNORECASE)


@functools.cache
def strict_schema(struct: type[msgspec.Struct]) -> dict[str, Any]:
    """The struct's JSON Schema in the strict dialect: an object, every property required, nothing else allowed."""
    (schema,), definitions = msgspec.json.schema_components([struct], ref_template="#/$defs/{name}")
    root = definitions.pop(struct.__name__, schema)
    strict: dict[str, Any] = _strict(root)
    if definitions:
        strict["$defs"] = {name: _strict(definition) for name, definition in definitions.items()}
    return strict


def _strict(node: Any) -> Any:
    match node:
        case dict():
            made = {key: _strict(value) for key, value in node.items() if key not in ("default", "title")}
            if "properties" in node:
                made["properties"] = {name: _strict(value) for name, value in node["properties"].items()}
                made["required"] = list(node["properties"])
                made["additionalProperties"] = False
            return made
        case list():
            return [_strict(item) for item in node]
        case _:
            return node


@functools.cache
def format_for(struct: type[msgspec.Struct], mode: Mode) -> dict[str, Any] | None:
    """The request's `response_format`; None where the mode sends none."""
    match mode:
        case "json_schema":
            asked = {"name": struct.__name__, "strict": True, "schema": strict_schema(struct)}
            return {"type": "json_schema", "json_schema": asked}
        case "json_object":
            return {"type": "json_object"}
        case "text":
            return None


@functools.cache
def instructions_for(struct: type[msgspec.Struct]) -> ChatMessage:
    """The schema in words, for servers that only know JSON objects."""
    schema = msgspec.json.encode(strict_schema(struct)).decode()
    return ChatMessage("system", f"Answer with one JSON object of this JSON Schema and nothing else: {schema}")


def looks_like_json(text: str) -> bool | None:
    """Whether a reply, or the beginning of one, is meant as JSON; None while only white space is known."""
    start = text.lstrip()[:1]
    return None if not start else start in "{`"


def parse(text: str, struct: type[msgspec.Struct]) -> msgspec.Struct | None:
    """The reply as the struct, or None where it is plain words. Raises `ModelInvalidJson` on any other JSON."""
    if not looks_like_json(text):
        return None
    fenced = _FENCE.match(text)
    try:
        return _decoder(struct).decode(fenced["body"] if fenced else text)
    except msgspec.ValidationError as error:
        raise ModelInvalidJson(f"The model's reply does not have the form asked for ({_place(error)}).") from None
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        raise ModelInvalidJson("The model's reply is not valid JSON.") from None


@functools.cache
def _decoder(struct: type[msgspec.Struct]) -> msgspec.json.Decoder[msgspec.Struct]:
    return msgspec.json.Decoder(struct)


def _place(error: msgspec.ValidationError) -> str:
    """Where the form differs, in msgspec's words; only those of them that name types and fields, never values."""
    text = str(error).replace("`", "")
    return text if text.startswith(("Expected", "Object missing")) else "a value is not allowed"
