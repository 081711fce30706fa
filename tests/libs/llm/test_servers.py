"""The offline and the scripted model as OpenAI-compatible servers, asked by the official client and by hand."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import httpx2
import msgspec
import openai
import pytest
from openai import AsyncOpenAI

from libs.llm.asgi_transport import StreamingAsgiTransport
from libs.llm.factory import create_model
from libs.llm.offline import MODEL_ID, offline_app
from libs.llm.port import ChatMessage
from libs.llm.prompts import Contribution, cto_messages
from libs.llm.replies import ExecutiveTurn
from libs.llm.scripted import Reply, Script, ScriptedServer
from libs.llm.settings import ModelSettings
from tests.libs.llm.conftest import Connections

HELLO = [{"role": "user", "content": "hello"}]


@pytest.fixture
def http() -> httpx2.AsyncClient:
    transport = StreamingAsgiTransport(offline_app())
    return httpx2.AsyncClient(transport=transport, base_url="http://offline/v1/", trust_env=False)


@pytest.fixture
def official(http: httpx2.AsyncClient) -> AsyncOpenAI:
    return AsyncOpenAI(api_key="none", base_url="http://offline/v1", http_client=http, max_retries=0)


async def test_the_official_client_reads_a_typed_completion(official: AsyncOpenAI) -> None:
    completion = await official.chat.completions.create(model=MODEL_ID, messages=HELLO)  # type: ignore[arg-type]
    assert completion.model == MODEL_ID
    assert completion.choices[0].message.role == "assistant"
    assert completion.usage is not None
    assert completion.usage.total_tokens == completion.usage.prompt_tokens + completion.usage.completion_tokens


async def test_the_official_client_reads_a_typed_stream(official: AsyncOpenAI) -> None:
    stream = await official.chat.completions.create(
        model=MODEL_ID,
        messages=HELLO,  # type: ignore[arg-type]
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = [chunk async for chunk in stream]
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].usage is not None
    assert chunks[-1].choices == []


async def test_usage_is_streamed_only_when_asked_for(official: AsyncOpenAI) -> None:
    stream = await official.chat.completions.create(model=MODEL_ID, messages=HELLO, stream=True)  # type: ignore[arg-type]
    assert all(chunk.usage is None for chunk in [chunk async for chunk in stream])


async def test_the_models_are_listed(official: AsyncOpenAI) -> None:
    assert [model.id async for model in official.models.list()] == [MODEL_ID]
    assert (await official.models.retrieve(MODEL_ID)).owned_by == "jobstream"


async def test_any_schema_gets_an_instance(official: AsyncOpenAI) -> None:
    schema = {
        "type": "object",
        "properties": {
            "kind": {"enum": ["b", "a"]},
            "says": {"type": "string"},
            "maybe": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "tags": {"type": "array", "items": {"type": "string"}},
            "deep": {"$ref": "#/$defs/Deep"},
        },
        "$defs": {"Deep": {"type": "object", "properties": {"n": {"type": "integer"}}}},
    }
    form = {"type": "json_schema", "json_schema": {"name": "Any", "schema": schema, "strict": True}}
    completion = await official.chat.completions.create(model=MODEL_ID, messages=HELLO, response_format=form)  # type: ignore[call-overload]
    made = msgspec.json.decode(completion.choices[0].message.content)
    assert made.pop("says").startswith("I am jobstream's built-in offline model")
    assert made == {"kind": "b", "maybe": None, "tags": [], "deep": {"n": 0}}


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        (b"{", 400, None, None),
        (b"[" * 100_000, 400, "invalid_type", None),
        (b'{"a":' * 100_000, 400, None, None),
        (b'{"messages":[]}', 400, "missing_required_parameter", "model"),
        (b'{"model":"jobstream-offline"}', 400, "missing_required_parameter", "messages"),
        (b'{"model":"jobstream-offline","messages":[]}', 400, "empty_array", "messages"),
        (b'{"model":"jobstream-offline","messages":"x"}', 400, "invalid_type", "messages"),
        (b'{"model":"jobstream-offline","messages":[{"role":"king","content":"x"}]}', 400, "invalid_type", None),
        (b'{"model":"gpt-9","messages":[{"role":"user","content":"x"}]}', 404, "model_not_found", None),
        (
            b'{"model":"jobstream-offline","messages":[{"role":"user","content":"x"}],'
            b'"response_format":{"type":"json_schema"}}',
            400,
            "missing_required_parameter",
            "response_format.json_schema",
        ),
    ],
)
async def test_a_bad_request_gets_an_error_as_real_servers_send_it(
    http: httpx2.AsyncClient, body: bytes, status: int, code: str | None, param: str | None
) -> None:
    response = await http.post("chat/completions", content=body)
    assert response.status_code == status
    error = response.json()["error"]
    assert error["type"] == "invalid_request_error"
    assert error["code"] == code
    assert param is None or error["param"] == param


async def test_unknown_paths_and_methods_are_refused(http: httpx2.AsyncClient) -> None:
    assert (await http.get("nothing")).status_code == 404
    assert (await http.get("chat/completions")).status_code == 405


async def test_a_body_too_large_is_refused(http: httpx2.AsyncClient) -> None:
    assert (await http.post("chat/completions", content=b" " * (9 * 1024 * 1024))).status_code == 413


async def test_words_in_parts_are_read(official: AsyncOpenAI) -> None:
    parts = [{"role": "user", "content": [{"type": "text", "text": "a parrot diary"}]}]
    completion = await official.chat.completions.create(model=MODEL_ID, messages=parts)  # type: ignore[arg-type]
    assert "a parrot diary" in (completion.choices[0].message.content or "")


async def test_typing_takes_its_time() -> None:
    model = create_model(ModelSettings(offline_model_token_delay_ms=5.0))
    pieces: list[str] = []

    async def keep(text: str) -> None:
        pieces.append(text)

    await model.complete([ChatMessage("user", "hello")], role="ceo", on_delta=keep)
    await model.aclose()
    assert len(pieces) > 5


async def test_without_settings_the_offline_model_answers() -> None:
    model = create_model(ModelSettings(offline_model_token_delay_ms=0, openai_model="gpt-4", openai_model_ceo="gpt-5"))
    completion = await model.complete([ChatMessage("user", "hello")], role="ceo")
    await model.aclose()
    assert completion.usage.model == MODEL_ID


async def test_each_role_has_its_model(in_process: Connections, server: ScriptedServer) -> None:
    model = await in_process.to(server, openai_model="small", openai_model_ceo="large")
    for role in ("ceo", "cto"):
        await model.complete([ChatMessage("user", "hello")], role=role)
    assert [call.model for call in server.calls] == ["large", "small"]


async def test_without_a_name_the_server_s_first_model_is_asked(in_process: Connections) -> None:
    model = await in_process.to(offline_app(), openai_model=None)
    assert (await model.complete([ChatMessage("user", "hello")], role="ceo")).usage.model == MODEL_ID


async def test_the_official_client_sees_scripted_faults(server: ScriptedServer) -> None:
    from libs.llm.scripted import Fault

    server.use(Script(always={"*": Fault("rate_limited", retry_after="1")}))
    transport = StreamingAsgiTransport(server)
    client = AsyncOpenAI(
        api_key="none", base_url="http://s/v1", max_retries=0, http_client=httpx2.AsyncClient(transport=transport)
    )
    with pytest.raises(openai.RateLimitError):
        await client.chat.completions.create(model="m", messages=HELLO)  # type: ignore[arg-type]


async def test_every_call_is_counted_by_role_and_digest(in_process: Connections, server: ScriptedServer) -> None:
    model = await in_process.to(server)
    for words in ("a", "a", "b"):
        await model.complete([ChatMessage("system", "Role: CTO"), ChatMessage("user", words)], role="cto")
    report = server.report()
    assert (report["total"], report["by_role"]) == (3, {"cto": 3})
    assert sorted(entry["count"] for entry in report["counts"]) == [1, 2]
    assert all(call.ended_at is not None and call.outcome == "ok" for call in report["calls"])


async def test_a_script_can_disagree_three_times_and_then_agree(in_process: Connections) -> None:
    replies = [Reply("I object.", {"agrees": False})] * 3 + [Reply("Yes.", {"agrees": True})]
    model = await in_process.to(ScriptedServer(Script(replies={"cto": replies})))
    discussion: list[Contribution] = []
    verdicts = []
    for _ in range(5):
        completion = await model.complete(cto_messages("x", discussion), role="cto", schema=ExecutiveTurn)
        assert isinstance(completion.parsed, ExecutiveTurn)
        verdicts.append(completion.parsed.agrees)
        discussion.append(Contribution("CTO", "cto", completion.parsed.message))
    assert verdicts == [False, False, False, True, True]


@pytest.mark.parametrize("module", ["libs.llm.offline", "libs.llm.scripted"])
async def test_a_server_runs_alone_until_told_to_stop(module: str, tmp_path: Path) -> None:
    arguments = ["--port", "0"]
    if module == "libs.llm.scripted":
        script = tmp_path / "script.json"
        script.write_bytes(msgspec.json.encode(Script(replies={"*": [Reply("told by the file")]})))
        arguments += ["--script", str(script)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *arguments, stdout=asyncio.subprocess.PIPE, env=dict(os.environ)
    )
    try:
        async with asyncio.timeout(20):
            assert process.stdout is not None
            ready = (await process.stdout.readline()).decode().split()
            assert ready[0] == "ready"
            model = create_model(ModelSettings(openai_base_url=ready[1]))
            text = (await model.complete([ChatMessage("user", "hello")], role="ceo")).text
            await model.aclose()
            assert "offline model" in text or text == "told by the file"
            if module == "libs.llm.scripted":
                async with httpx2.AsyncClient(trust_env=False) as http:
                    base = ready[1].removesuffix("/v1")
                    assert (await http.get(f"{base}/calls")).json()["total"] == 1
                    assert (await http.put(f"{base}/script", content=b"{}")).status_code == 200
                    assert (await http.put(f"{base}/script", content=b"[]")).status_code == 400
                    await http.delete(f"{base}/calls")
                    assert (await http.get(f"{base}/calls")).json()["total"] == 0
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
