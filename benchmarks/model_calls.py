"""Calls a second and CPU a call of the chat model, with no think time: streamed and whole, beside the bare client.

    python -m benchmarks.model_calls [--calls 2000] [--at-once 50]

One JSON line a figure. `in_process` calls an application of this process; `socket` calls a server process of its own.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable

import click
import httpx2
import msgspec
import uvloop
from openai import AsyncOpenAI

from benchmarks.figures import figure
from libs.llm.asgi_transport import StreamingAsgiTransport
from libs.llm.factory import create_model, model_over
from libs.llm.openai_adapter import OpenAIChatModel
from libs.llm.port import ChatMessage
from libs.llm.prompts import CTO, cto_messages
from libs.llm.replies import ExecutiveTurn
from libs.llm.scripted import Reply, Script, ScriptedServer
from libs.llm.settings import ModelSettings

REPLY = "We build the smallest useful version first and keep every decision written down. " * 8
SUMMARY = "## Features\n\n- check in by QR code\n- photo report to the owner\n- monthly invoice as PDF"
SCRIPT = Script(replies={"*": [Reply(REPLY, {"agrees": True})]})
MESSAGES: list[ChatMessage] = cto_messages(SUMMARY, [])
PLAIN = msgspec.to_builtins(MESSAGES)

Call = Callable[[], Awaitable[object]]


async def ignore(_: str) -> None:
    return None


def adapter_calls(model: OpenAIChatModel) -> dict[str, Call]:
    return {
        "whole": lambda: model.complete(MESSAGES, role=CTO),
        "streamed": lambda: model.complete(MESSAGES, role=CTO, on_delta=ignore),
        "structured": lambda: model.complete(MESSAGES, role=CTO, schema=ExecutiveTurn),
        "structured_streamed": lambda: model.complete(
            MESSAGES, role=CTO, schema=ExecutiveTurn, stream_field="message", on_delta=ignore
        ),
    }


def client_calls(client: AsyncOpenAI) -> dict[str, Call]:
    async def streamed() -> None:
        async for _ in await client.chat.completions.create(model="m", messages=PLAIN, stream=True):
            pass

    return {"whole": lambda: client.chat.completions.create(model="m", messages=PLAIN), "streamed": streamed}


async def measure(what: str, calls: dict[str, Call], count: int, at_once: int) -> None:
    for form, call in calls.items():
        await asyncio.gather(*(call() for _ in range(at_once)))  # connections are open before the clock runs
        left = count

        async def work(call: Call = call) -> None:
            nonlocal left
            while left > 0:
                left -= 1
                await call()

        started, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(work() for _ in range(at_once)))
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
        context = {"what": what, "form": form, "calls": count, "at_once": at_once}
        figure("model_calls", count / seconds, "calls/s", **context)
        figure("model_call_cpu", cpu / count * 1000, "ms", **context)


async def run(count: int, at_once: int) -> None:
    server = ScriptedServer(SCRIPT)
    await measure(
        "adapter, in process", adapter_calls(model_over(server, ModelSettings(openai_model="m"))), count, at_once
    )
    http = httpx2.AsyncClient(transport=StreamingAsgiTransport(server))
    bare = AsyncOpenAI(api_key="none", base_url="http://bare/v1", http_client=http, max_retries=0)
    await measure("bare client, in process", client_calls(bare), count, at_once)
    offline = create_model(ModelSettings(offline_model_token_delay_ms=0))
    await measure("offline model, in process", adapter_calls(offline), count, at_once)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "libs.llm.scripted", "--port", "0", stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        url = (await process.stdout.readline()).decode().split()[1]
        async with httpx2.AsyncClient(trust_env=False) as control:
            await control.put(url.removesuffix("/v1") + "/script", content=msgspec.json.encode(SCRIPT))
        model = create_model(ModelSettings(openai_base_url=url, openai_model="m"))
        await measure("adapter, socket", adapter_calls(model), count, at_once)
        bare = AsyncOpenAI(api_key="none", base_url=url, max_retries=0)
        await measure("bare client, socket", client_calls(bare), count, at_once)
        await model.aclose()
    finally:
        process.terminate()
        await process.wait()


@click.command()
@click.option("--calls", default=2000, show_default=True, type=click.IntRange(1))
@click.option("--at-once", default=50, show_default=True, type=click.IntRange(1))
def main(calls: int, at_once: int) -> None:
    """Print the figures."""
    uvloop.run(run(calls, at_once))


if __name__ == "__main__":
    main()
