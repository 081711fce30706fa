"""What handlers take from a request besides its principal."""

from __future__ import annotations

import re
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from litestar import Request
from litestar.exceptions import InternalServerException

from services.gateway.decoding import check_depth, decode_body, decode_json, decode_query, decode_uuid
from services.gateway.problems import Code, Fault, Problem

__all__ = ["HttpRequest", "address", "body_of", "idempotency_key", "json_of", "path_uuid", "query_of", "traceparent"]

HttpRequest = Request[Any, Any, Any]

T = TypeVar("T", bound=msgspec.Struct)

_KEY = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


async def body_of(request: HttpRequest, model: type[T]) -> T:
    """The body, checked. Raises `Problem`."""
    return decode_body(await _bytes_of(request), request.headers.get("content-type"), model)


async def json_of(request: HttpRequest) -> Any:
    """The body as whatever JSON it is, nested no deeper than can be worked with. Raises `Problem`."""
    value = decode_json(await _bytes_of(request), request.headers.get("content-type"))
    check_depth(value, "")
    return value


async def _bytes_of(request: HttpRequest) -> bytes:
    try:
        return await request.body()
    except InternalServerException:  # the framework's word for a client that left before it had sent everything
        raise Problem(Code.INVALID_JSON, "The body ended before it was complete.") from None


def query_of(request: HttpRequest, model: type[T]) -> T:
    """The query string, checked. Raises `Problem`."""
    return decode_query(request.scope.get("query_string", b""), model)


def path_uuid(request: HttpRequest, name: str) -> UUID:
    """A UUID out of the path. Raises `Problem`."""
    return decode_uuid(request.path_params[name], name)


def idempotency_key(request: HttpRequest) -> str | None:
    """The `Idempotency-Key`, if there is one: 1 to 255 printable ASCII characters. Raises `Problem`."""
    key = request.headers.get("idempotency-key")
    if key is not None and not _KEY.fullmatch(key):
        detail = "An Idempotency-Key has 1 to 255 printable ASCII characters."
        raise Problem(Code.INVALID_PARAMETER, detail, errors=[Fault("Idempotency-Key", detail)])
    return key


def traceparent(request: HttpRequest) -> str | None:
    """The W3C trace context to carry on; one that is malformed is as good as none."""
    header = request.headers.get("traceparent")
    return header if header is not None and _TRACEPARENT.fullmatch(header) else None


def address(request: HttpRequest) -> str:
    """Where the request comes from, for counting attempts."""
    return request.client.host if request.client else "unknown"
