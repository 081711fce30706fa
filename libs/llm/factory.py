"""The chat model the settings ask for."""

from __future__ import annotations

import httpx2
import msgspec
from openai import AsyncOpenAI

from libs.llm.asgi_transport import AsgiApp, StreamingAsgiTransport
from libs.llm.openai_adapter import OpenAIChatModel
from libs.llm.settings import ModelSettings
from libs.process.clock import Clock

__all__ = ["create_model", "model_over"]

_OPENAI_MODEL = "gpt-4.1-mini"
_CONNECTIONS_MAX = 1000


def create_model(settings: ModelSettings, *, clock: Clock | None = None) -> OpenAIChatModel:
    """The model behind `OPENAI_BASE_URL`; OpenAI's own with only a key; with neither, the offline model in this process.

    Nothing is connected yet; the caller closes it (`aclose`).
    """
    if settings.offline:
        from libs.llm.offline import MODEL_ID, offline_app  # the offline model is loaded only where it is used

        named = {name: None for name in settings.__struct_fields__ if name.startswith("openai_model_")}
        own = msgspec.structs.replace(settings, openai_model=MODEL_ID, **named)
        return model_over(offline_app(token_delay_ms=settings.offline_model_token_delay_ms), own, clock=clock)
    if settings.openai_base_url is None and settings.openai_model is None:
        settings = msgspec.structs.replace(settings, openai_model=_OPENAI_MODEL)
    limits = httpx2.Limits(max_connections=_CONNECTIONS_MAX, max_keepalive_connections=100)
    http = httpx2.AsyncClient(timeout=_timeouts(settings), limits=limits, follow_redirects=True)
    return OpenAIChatModel(_client(settings, http, settings.openai_base_url), settings, clock=clock)


def model_over(app: AsgiApp, settings: ModelSettings, *, clock: Clock | None = None) -> OpenAIChatModel:
    """The model behind an ASGI application of this process: no socket, the same client."""
    http = httpx2.AsyncClient(transport=StreamingAsgiTransport(app), timeout=_timeouts(settings), trust_env=False)
    return OpenAIChatModel(_client(settings, http, "http://in-process/v1"), settings, clock=clock)


def _client(settings: ModelSettings, http: httpx2.AsyncClient, base_url: str | None) -> AsyncOpenAI:
    key = settings.openai_api_key.reveal() if settings.openai_api_key else "none"
    url = base_url or "https://api.openai.com/v1"
    return AsyncOpenAI(api_key=key, base_url=url, max_retries=0, http_client=http, timeout=_timeouts(settings))


def _timeouts(settings: ModelSettings) -> httpx2.Timeout:
    """Only connecting is bounded here; the adapter's own deadlines bound the rest."""
    return httpx2.Timeout(None, connect=settings.openai_connect_timeout_seconds)
