"""Which web pages may talk to us: one judgement for CORS and for the sockets' origin check."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["LOOPBACK_ORIGIN", "Origins"]

LOOPBACK_ORIGIN = r"https?://(?:localhost|[a-z0-9-]+\.localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?"
"""Pages served by this machine itself, as a regular expression."""

_LOOPBACK = re.compile(LOOPBACK_ORIGIN)


class Origins:
    """The allowed origins; `loopback` adds every page of this machine."""

    def __init__(self, allowed: Iterable[str], *, loopback: bool) -> None:
        self.allowed = tuple(each.rstrip("/").lower() for each in allowed)
        self.loopback = loopback

    def allows(self, origin: str) -> bool:
        """Whether a page of this origin (scheme, host, port) may connect."""
        origin = origin.lower()
        if "*" in self.allowed or origin in self.allowed:
            return True
        return self.loopback and _LOOPBACK.fullmatch(origin) is not None
