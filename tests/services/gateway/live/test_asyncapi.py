"""The socket's AsyncAPI document."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from services.gateway.live.asyncapi import document
from services.gateway.live.frames import ControlFrame, DurableFrame
from services.gateway.live.inbound import ClientFrame


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    read: dict[str, Any] = msgspec.json.decode(document())
    return read


def _references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [reference for child in node.values() for reference in _references(child)]
    return [reference for child in node for reference in _references(child)] if isinstance(node, list) else []


def test_it_is_asyncapi_3(described: dict[str, Any]) -> None:
    assert described["asyncapi"] == "3.0.0"


def test_every_frame_in_both_directions_is_described(described: dict[str, Any]) -> None:
    told = {f"server.{frame.__struct_config__.tag}" for frame in (*DurableFrame.__args__, *ControlFrame.__args__)}
    said = {f"client.{frame.__struct_config__.tag}" for frame in ClientFrame.__args__}
    assert set(described["components"]["messages"]) == told | said


def test_every_reference_leads_somewhere(described: dict[str, Any]) -> None:
    for reference in _references(described):
        node = described
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]


def test_every_frame_has_a_schema_with_its_kind(described: dict[str, Any]) -> None:
    for name, message in described["components"]["messages"].items():
        schema = described["components"]["schemas"][message["payload"]["$ref"].rsplit("/", 1)[1]]
        assert schema["properties"]["kind"] == {"enum": [name.partition(".")[2]]}
