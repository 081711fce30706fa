"""Whatever is sent to be simulated or kept: an answer, and never an error of ours."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.services.gateway.desk import Desk, code_of

NAMES = st.sampled_from(
    [
        *("kind", "casino", "players", "num_rounds", "blocks", "seed", "a", "b", "base", "axes", "path", "values"),
        *(
            "parent",
            "deck_count",
            "bet_ramp",
            "strategy",
            "hard",
            "16",
            "10",
            "data",
            "name",
            "profile_type",
            "copy_of",
        ),
        *("playing_strategy", "betting_strategy", "counting_strategy", "count_values", "mode", "approvals", "min_bet"),
    ]
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(["simulation", "sweep", "comparison", "six_deck_s17", "hi_lo", "casino", "-Infinity", "/casino"])
)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES | st.text(max_size=8), inner, max_size=6),
    max_leaves=25,
)


async def _answered(bodies: list[tuple[str, str, Any]]) -> None:
    async with Desk().open() as desk:
        for method, path, body in bodies:
            content = json.dumps(body).encode()
            answer = await desk.call(method, path, content=content, headers={"content-type": "application/json"})
            assert answer.status_code < 500, (path, body, answer.text)
            if answer.status_code >= 400:
                code_of(answer)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(JSON)
def test_any_json_is_answered(body: Any) -> None:
    profile = {"profile_type": "casino", "name": "x", "data": body}
    asyncio.run(
        _answered(
            [
                ("POST", "/api/simulations/", body),
                ("POST", "/api/jobs/", {"kind": "sweep", "request": body}),
                ("POST", "/api/profiles/", body),
                ("POST", "/api/profiles/", profile),
                ("POST", "/api/profiles/", profile | {"profile_type": "playing_strategy"}),
                ("POST", "/api/profiles/", profile | {"profile_type": "betting_strategy"}),
            ]
        )
    )


@pytest.mark.parametrize(
    "text",
    [
        b'{"num_rounds": 1e999}',
        b'{"num_rounds": 123456789012345678901234567890}',
        b'{"num_rounds": 10, "casino": "\\ud800"}',
        b'{"num_rounds": 10, "casino": {"name": "\\u0000"}}',
        b'{"num_rounds": 10, "seed": -1}',
        b'{"num_rounds": 10, "seed": 9007199254740993}',
        b'{"num_rounds": 10, "\\u0000": 1}',
    ],
)
async def test_strange_numbers_and_text_are_answered(desk: Desk, text: bytes) -> None:
    answer = await desk.call("POST", "/api/simulations/", content=text, headers={"content-type": "application/json"})
    assert 400 <= answer.status_code < 500, answer.text
    code_of(answer)
