"""What a socket asks for: the job, the cursor, the origin of its page, its credentials.

Pure and total; nothing here writes to a log, since query strings hold secrets.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import parse_qs
from uuid import UUID

__all__ = ["Request", "read_request"]

_CURSOR_MAX = 2**53
_PATH = re.compile(r"/jobs/([0-9a-fA-F-]{36})/?\Z")


class Request(NamedTuple):
    """What a connection asks for, taken from the ASGI scope."""

    job_id: UUID | None  # None: the path names no job
    after: int | None
    after_valid: bool
    origin: str | None
    bearer: str | None
    ticket: str | None
    token: str | None


def read_request(scope: Any) -> Request:
    """Read path, query and headers of a WebSocket scope. Total: what is malformed shows in the result."""
    headers: dict[bytes, bytes] = {name.lower(): value for name, value in scope["headers"]}
    try:
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True, max_num_fields=20)
    except ValueError:
        query = {"after": [""]}  # unreadable: the cursor may have been in it, and going on without it would lose events
    authorization = headers.get(b"authorization", b"").decode("latin-1")
    scheme, _, credentials = authorization.partition(" ")
    after, after_valid = _cursor(query.get("after"))
    return Request(
        job_id=_job_id(scope["path"]),
        after=after,
        after_valid=after_valid,
        origin=headers[b"origin"].decode("latin-1") if b"origin" in headers else None,
        bearer=credentials.strip() if authorization and scheme.lower() == "bearer" else None,
        ticket=query["ticket"][-1] if "ticket" in query else None,
        token=query["token"][-1] if "token" in query else None,
    )


def _job_id(path: str) -> UUID | None:
    match = _PATH.search(path)  # a mount may have cut off the beginning
    try:
        job_id = UUID(match[1]) if match else None
    except ValueError:
        return None
    return job_id if match and str(job_id) == match[1].lower() else None


def _cursor(values: list[str] | None) -> tuple[int | None, bool]:
    if values is None:
        return None, True
    text = values[-1]
    if not (text.isascii() and text.isdigit()) or len(text) > 16 or int(text) > _CURSOR_MAX:
        return None, False
    return int(text), True


OriginCheck = Callable[[str], bool]
"""Whether pages of this origin may talk to us: the same judgement as for CORS."""
