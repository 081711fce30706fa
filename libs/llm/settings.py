"""Which model answers, under which names and within which times."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from libs.process.settings import Secret, Settings

__all__ = ["ModelSettings"]

Seconds = Annotated[float, msgspec.Meta(gt=0, le=86_400)]


class ModelSettings(Settings, kw_only=True, frozen=True):
    """The environment's `OPENAI_*`. With neither a base URL nor a key, the built-in offline model answers.

    A base URL alone is enough for a local server: its first listed model is used. A key alone means OpenAI itself.
    """

    openai_base_url: str | None = None
    """Where a server speaks the protocol, with its `/v1`."""
    openai_api_key: Secret | None = None
    """What the server knows us by; a local server needs none."""
    openai_model: str | None = None
    """The model of every role without one of its own; unset: `gpt-4.1-mini` of OpenAI itself, else the first the server lists."""
    openai_model_client_relations: str | None = None
    """The model that talks requirements over."""
    openai_model_ceo: str | None = None
    """The model that proposes the plan."""
    openai_model_cto: str | None = None
    """The model that accepts the plan or objects."""
    openai_model_secretary: str | None = None
    """The model that writes summary and PRD."""
    openai_timeout_seconds: Seconds = 120.0
    """The whole call."""
    openai_connect_timeout_seconds: Seconds = 10.0
    """Until the server has accepted the connection."""
    openai_first_token_timeout_seconds: Seconds = 60.0
    """From asking to the first piece of a streamed reply."""
    openai_token_gap_timeout_seconds: Seconds = 30.0
    """Between two pieces of a streamed reply."""
    openai_structure: Literal["auto", "json_schema", "json_object", "text"] = "auto"
    """What structured output the server offers; `auto` finds out by asking."""
    offline_model_token_delay_ms: Annotated[float, msgspec.Meta(ge=0, le=10_000)] = 15.0
    """How long the offline model takes for each word or two, so that a person sees it type."""

    def __post_init__(self) -> None:
        if self.openai_base_url is not None and not self.openai_base_url.startswith(("http://", "https://")):
            raise ValueError("OPENAI_BASE_URL must start with http:// or https://")

    @property
    def offline(self) -> bool:
        """Whether the built-in model answers."""
        return self.openai_base_url is None and self.openai_api_key is None

    def model_of(self, role: str) -> str | None:
        """The configured model name of a role; None where the server's own default is to be used."""
        named: str | None = getattr(self, f"openai_model_{role}", None)
        return named or self.openai_model
