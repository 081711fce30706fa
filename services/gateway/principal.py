"""Who is asking: what a verified access token says."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec

__all__ = ["Principal"]


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """A signed-in user. The owner in every subject comes from here and from nowhere else."""

    user_id: UUID
    email: str
    name: str
    expires_at: datetime
