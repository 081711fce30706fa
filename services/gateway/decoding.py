"""From bytes and query strings to the structs of `requests`, or to a problem that names the place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import parse_qsl
from uuid import UUID

import msgspec

from services.gateway.problems import Code, Fault, Problem
from services.gateway.text import invalid

__all__ = ["check_depth", "convert_body", "decode_body", "decode_json", "decode_query", "decode_uuid", "pointer_of"]

T = TypeVar("T", bound=msgspec.Struct)

_PLACE = re.compile(r" - at `\$(.*)`\Z", re.DOTALL)
_FIELD = re.compile(r"field `(.*?)`", re.DOTALL)
_SEGMENT = re.compile(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]")
_DEPTH_MAX = 64
_PARAMETERS_MAX = 32


def decode_body(body: bytes, content_type: str | None, model: type[T]) -> T:
    """The body as its struct; an empty one where every field may be left out. Raises `Problem`."""
    value: T = _decode(body, content_type, model)
    return value


def decode_json(body: bytes, content_type: str | None) -> Any:
    """The body as whatever JSON it is; an empty one is an empty object. Raises `Problem`."""
    return _decode(body, content_type, Any)


def convert_body(value: Mapping[str, Any], model: type[T]) -> T:
    """Decoded JSON as a struct. Raises `Problem`."""
    try:
        return msgspec.convert(value, model)
    except msgspec.ValidationError as error:
        raise _invalid_input(error) from None


def _decode(body: bytes, content_type: str | None, model: Any) -> Any:
    if not body:
        body = b"{}"
    elif not _is_json(content_type):
        raise Problem(Code.UNSUPPORTED_MEDIA_TYPE, "Send the body as application/json.")
    try:
        return _decoder(model).decode(body)
    except msgspec.ValidationError as error:
        raise _invalid_input(error) from None
    except RecursionError:
        raise Problem(Code.INVALID_JSON, "The JSON is nested too deeply.") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Problem(Code.INVALID_JSON, "The body is not valid JSON in UTF-8.") from None


def _invalid_input(error: msgspec.ValidationError) -> Problem:
    pointer, detail = pointer_of(str(error))
    return Problem(Code.INVALID_INPUT, detail, errors=[Fault(pointer, detail)])


def decode_query(query: bytes, model: type[T]) -> T:
    """The query string as its struct: unknown and repeated parameters are refused. Raises `Problem`."""
    if not query:
        return _convert({}, model)
    try:
        pairs = parse_qsl(
            query.decode("ascii"), keep_blank_values=True, max_num_fields=_PARAMETERS_MAX, errors="strict"
        )
    except ValueError:
        raise Problem(Code.INVALID_PARAMETER, "The query string cannot be read.") from None
    values = dict(pairs)
    if len(values) != len(pairs):
        raise Problem(Code.INVALID_PARAMETER, "A query parameter is given more than once.")
    if any("\x00" in value for value in values.values()):
        raise Problem(Code.INVALID_PARAMETER, "A query parameter holds control characters.")
    return _convert(values, model)


def _convert(values: Mapping[str, str], model: type[T]) -> T:
    try:
        return msgspec.convert(values, model, strict=False)
    except msgspec.ValidationError as error:
        pointer, detail = pointer_of(str(error))
        detail = detail.replace("Object contains unknown field", "There is no parameter")
        raise Problem(Code.INVALID_PARAMETER, detail, errors=[Fault(f"?{pointer[1:]}", detail)]) from None


def decode_uuid(text: str, name: str) -> UUID:
    """A UUID in its canonical form, in whatever case. Raises `Problem`."""
    try:
        value = UUID(text)
    except ValueError:
        value = None
    if value is None or str(value) != text.lower():
        detail = f"{name} is not a UUID in the form 01234567-89ab-7cde-8f01-23456789abcd."
        raise Problem(Code.INVALID_PARAMETER, detail, errors=[Fault(f"{{{name}}}", detail)])
    return value


def check_depth(value: Any, pointer: str) -> None:
    """Raise `INVALID_INPUT` for JSON nested so deeply that whoever reads it later might stumble."""
    level = [value]
    for _ in range(_DEPTH_MAX):
        level = [
            child
            for each in level
            if isinstance(each, dict | list)
            for child in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return
    raise invalid(pointer, f"JSON here may be nested {_DEPTH_MAX} levels deep at most.")


def pointer_of(message: str) -> tuple[str, str]:
    """What msgspec says, taken apart: where, as a JSON pointer, and what."""
    place = _PLACE.search(message)
    path = place[1] if place else ""
    detail = message[: place.start()] if place else message
    segments = [name or index for name, index in _SEGMENT.findall(path)]
    field = _FIELD.search(detail)
    if field is not None:
        segments.append(field[1])
    pointer = "".join("/" + segment.replace("~", "~0").replace("/", "~1") for segment in segments)
    return pointer, detail + "."


@lru_cache(64)
def _decoder(model: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(model)


def _is_json(content_type: str | None) -> bool:
    media_type = (content_type or "").partition(";")[0].strip().lower()
    return media_type == "application/json" or (media_type.startswith("application/") and media_type.endswith("+json"))
