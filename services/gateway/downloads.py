"""Files as HTTP answers: piece by piece out of the object store, at the pace of whoever reads."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from contextlib import aclosing
from typing import Any
from urllib.parse import quote

import structlog
from litestar import Response

from libs.events.errors import LogUnavailable
from libs.jobs.state import Artifact
from services.gateway.ports import Objects
from services.gateway.streaming import while_there

__all__ = ["LOCKED", "Download", "disposition", "etag", "is_known"]

log = structlog.get_logger(__name__)

# Files are what workflows made of what people sent: nothing in them may run, fetch or be taken for something else.
LOCKED = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox; default-src 'none'"}
_MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+(?:; ?[\w-]+=[\w.-]+)*", re.ASCII)
_PLAIN = re.compile(r'[^\x20-\x7e]|["\\%]')


class Download(Response[bytes]):
    """The file in pieces, or 304 where the client has it. Raises `LogUnavailable` before the first byte; later a short answer tells."""

    def __init__(
        self, objects: Objects, artifact: Artifact, *, known: str | None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(b"")
        self._chunks = objects.chunks(artifact.object)
        self._size = artifact.size
        self._tag = etag(artifact)
        self._unchanged = known is not None and is_known(known, self._tag)
        media_type = artifact.media_type if _MEDIA_TYPE.fullmatch(artifact.media_type) else "application/octet-stream"
        self._headers = {
            "Content-Type": media_type,
            "Content-Disposition": disposition("attachment", artifact.name),
            "Cache-Control": "private, no-cache",
            **LOCKED,
            **(headers or {}),
        }

    def to_asgi_response(self, *_: Any, **__: Any) -> Any:
        """Litestar's hook."""
        return self

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self._unchanged:
            await send(_start(304, {"ETag": self._tag, "Cache-Control": self._headers["Cache-Control"]}))
            await send({"type": "http.response.body", "body": b""})
            return
        async with aclosing(self._chunks) as pieces:
            first = await anext(pieces, b"")  # raises while there can still be another answer

            async def stream() -> None:
                await send(_start(200, self._headers | {"ETag": self._tag, "Content-Length": str(self._size)}))
                await send({"type": "http.response.body", "body": first, "more_body": True})
                async for piece in pieces:
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
                await send({"type": "http.response.body", "body": b""})

            try:
                await while_there(receive, stream())
            except LogUnavailable as error:
                # Without an end the connection is closed, and the client misses what Content-Length promised.
                log.warning("download.cut_off", error=str(error))


def etag(artifact: Artifact) -> str:
    """The digest of the content, in hexadecimal."""
    return f'"{urlsafe_b64decode(artifact.digest.removeprefix("SHA-256=")).hex()}"'


def disposition(how: str, name: str) -> str:
    """`Content-Disposition` with the last part of a name of any characters (RFC 6266)."""
    last = name.rsplit("/", 1)[-1]
    return f"{how}; filename=\"{_PLAIN.sub('_', last)}\"; filename*=UTF-8''{quote(last, safe='')}"


def is_known(known: str, tag: str) -> bool:
    """Whether an `If-None-Match` header names the tag."""
    return known.strip() == "*" or tag in {each.strip().removeprefix("W/") for each in known.split(",")}


def _start(status: int, headers: Mapping[str, str]) -> dict[str, Any]:
    encoded = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    return {"type": "http.response.start", "status": status, "headers": encoded}
