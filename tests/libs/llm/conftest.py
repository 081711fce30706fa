"""Models under test: the real adapter over in-process servers and over real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest

from libs.llm.asgi_transport import AsgiApp
from libs.llm.factory import create_model, model_over
from libs.llm.openai_adapter import OpenAIChatModel
from libs.llm.scripted import ScriptedServer
from libs.llm.settings import ModelSettings
from libs.process.serving import serving
from libs.process.settings import Secret

Connect = Callable[..., "AsyncIterator[OpenAIChatModel]"]

KEY = "sk-very-secret-0123456789"
QUICK = {
    "openai_timeout_seconds": 5.0,
    "openai_first_token_timeout_seconds": 0.25,
    "openai_token_gap_timeout_seconds": 0.25,
}


class Connections:
    """Models over given applications, closed at the test's end."""

    def __init__(self, stack: AsyncExitStack, *, over_socket: bool) -> None:
        self._stack = stack
        self._over_socket = over_socket

    async def to(self, app: AsgiApp, **settings: object) -> OpenAIChatModel:
        given = {"openai_model": "scripted", "openai_api_key": Secret(KEY), **QUICK, **settings}
        if self._over_socket:
            url = await self._stack.enter_async_context(
                serving(app, "127.0.0.1", 0, timeout_graceful_shutdown=1, log_level="critical")
            )
            model = create_model(ModelSettings(openai_base_url=f"{url}/v1", **given))  # type: ignore[arg-type]
        else:
            model = model_over(app, ModelSettings(**given))  # type: ignore[arg-type]
        self._stack.push_async_callback(model.aclose)
        return model


@pytest.fixture(params=["in process", "over a socket"])
async def connections(request: pytest.FixtureRequest) -> AsyncIterator[Connections]:
    async with AsyncExitStack() as stack:
        yield Connections(stack, over_socket=request.param == "over a socket")


@pytest.fixture
async def in_process() -> AsyncIterator[Connections]:
    async with AsyncExitStack() as stack:
        yield Connections(stack, over_socket=False)


@pytest.fixture
def server() -> ScriptedServer:
    return ScriptedServer()
