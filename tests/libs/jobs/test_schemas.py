from __future__ import annotations

import json

from libs.jobs.commands import WIRE
from libs.jobs.events import EVENTS
from libs.jobs.schemas import asyncapi, json_schema


def test_every_event_and_command_has_a_schema() -> None:
    definitions = json_schema()["$defs"]
    for each in (*EVENTS.current.values(), *WIRE.values()):
        assert each.__name__ in definitions


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    document = json.loads(json.dumps(asyncapi("0.0.0")))

    def references(node: object) -> list[str]:
        if isinstance(node, dict):
            own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
            return own + [each for value in node.values() for each in references(value)]
        return [each for value in node for each in references(value)] if isinstance(node, list) else []

    found = references(document)
    assert len(found) > 3 * len(EVENTS.current)
    for reference in found:
        node = document
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]
