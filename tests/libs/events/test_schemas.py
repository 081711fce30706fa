from __future__ import annotations

import json

from libs.events.schemas import asyncapi, json_schema
from libs.jobs.schemas import JOBS
from libs.profiles.schemas import PROFILES

CONTRACTS = (JOBS, PROFILES)


def test_every_event_and_command_has_a_schema() -> None:
    definitions = json_schema(*CONTRACTS)["$defs"]
    for contract in CONTRACTS:
        for each in (*contract.events.current.values(), *contract.commands.values()):
            assert each.__name__ in definitions


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    document = json.loads(json.dumps(asyncapi("0.0.0", *CONTRACTS)))

    def references(node: object) -> list[str]:
        if isinstance(node, dict):
            own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
            return own + [each for value in node.values() for each in references(value)]
        return [each for value in node for each in references(value)] if isinstance(node, list) else []

    found = references(document)
    assert len(found) > 3 * sum(len(contract.events.current) for contract in CONTRACTS)
    for reference in found:
        node = document
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]


def test_no_two_sorts_of_aggregates_share_an_event_type_or_a_verb() -> None:
    types = [name for contract in CONTRACTS for name in contract.events.current]
    verbs = [verb for contract in CONTRACTS for verb in contract.commands]
    assert len(set(types)) == len(types)
    assert len(set(verbs)) == len(verbs)
