"""Pages of lists: the cursor, and the `Link` header that leads to the next page."""

from __future__ import annotations

import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from services.gateway.ports import Page
from services.gateway.problems import Code, Fault, Problem

__all__ = ["cut", "decode_cursor", "encode_cursor", "next_link"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CURSOR = struct.Struct(">q16s")


class _Listed(Protocol):
    @property
    def id(self) -> UUID: ...
    @property
    def created_at(self) -> datetime: ...


T = TypeVar("T", bound=_Listed)


def encode_cursor(last: _Listed) -> str:
    """Where the page after this item starts. Opaque to clients."""
    microseconds = (last.created_at - _EPOCH) // timedelta(microseconds=1)
    return urlsafe_b64encode(_CURSOR.pack(microseconds, last.id.bytes)).decode()


def decode_cursor(cursor: str | None) -> Page | None:
    """Raises `INVALID_PARAMETER` for what no `Link` header ever held."""
    if cursor is None:
        return None
    try:
        microseconds, last_id = _CURSOR.unpack(urlsafe_b64decode(cursor.encode("ascii")))
        return Page(_EPOCH + timedelta(microseconds=microseconds), UUID(bytes=last_id))
    except (ValueError, OverflowError, struct.error):
        detail = "The cursor is not one of ours: take it from the Link header."
        raise Problem(Code.INVALID_PARAMETER, detail, errors=[Fault("?cursor", detail)]) from None


def cut(found: Sequence[T], limit: int) -> tuple[Sequence[T], str | None]:
    """The page out of up to `limit` + 1 items, and the cursor of the next one, if there is one."""
    if len(found) <= limit:
        return found, None
    return found[:limit], encode_cursor(found[limit - 1])


def next_link(path: str, parameters: Mapping[str, object], cursor: str | None) -> dict[str, str]:
    """The `Link` header with the same parameters and the next cursor; relative, so that it holds behind any proxy."""
    if cursor is None:
        return {}
    given = {name: value for name, value in parameters.items() if value is not None}
    return {"Link": f'<{path}?{urlencode(given | {"cursor": cursor})}>; rel="next"'}
