"""What workflows return and are given, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["App", "Artifact"]


@dataclass(frozen=True, slots=True)
class App:
    """What a job may end with: the structured artifact its owner keeps. `spec` is any JSON-like value."""

    spec: Any


@dataclass(frozen=True, slots=True)
class Artifact:
    """A stored file: `digest` is `SHA-256=<base64url>`, `size` in bytes."""

    name: str
    media_type: str
    size: int
    digest: str
